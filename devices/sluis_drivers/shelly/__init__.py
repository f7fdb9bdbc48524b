"""Shelly (Allterco)."""
