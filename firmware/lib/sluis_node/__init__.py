"""The firmware of a Sluis node. Runs on MicroPython 1.29 (RP2, ESP32, unix); imports nothing of the gateway."""

VERSION = "0.1.0"
