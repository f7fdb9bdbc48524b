"""Cameras that speak VISCA."""
