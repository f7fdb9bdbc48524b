"""ESPHome nodes."""
