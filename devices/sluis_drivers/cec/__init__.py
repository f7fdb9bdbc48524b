"""HDMI-CEC."""
