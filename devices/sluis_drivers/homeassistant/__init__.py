"""Devices that announce themselves by Home Assistant MQTT discovery, whatever their maker."""
