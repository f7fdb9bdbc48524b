"""Zigbee2MQTT bridges and the Zigbee devices behind them."""
