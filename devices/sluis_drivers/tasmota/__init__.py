"""Tasmota firmware."""
