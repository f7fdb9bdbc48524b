"""The ESPHome link, against a node that speaks the real protocol."""
