"""Homie 5 over MQTT."""
