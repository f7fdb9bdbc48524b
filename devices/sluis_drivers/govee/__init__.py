"""Govee."""
