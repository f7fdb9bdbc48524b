"""Xiaomi and its partners."""
