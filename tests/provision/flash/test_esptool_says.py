"""What esptool 5.6 prints, as it was captured, and what is made of it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from sluis_provision.flashers.esptool_says import VERSION, blame, chip_of, read

PROBE = """\
esptool v5.6.0
Serial port /dev/ttyUSB0:
Connecting....
Detecting chip type... ESP32-C3
Connected to ESP32-C3 on /dev/ttyUSB0:
Chip type:          ESP32-C3 (QFN32) (revision v0.4)
Features:           Wi-Fi, BT 5 (LE), Single Core, 160MHz
Crystal frequency:  40MHz
MAC:                7c:df:a1:00:00:01

Uploading stub flasher...
Flash Memory Information:
=========================
Manufacturer: ef
Device: 4016
Detected flash size: 4MB
"""
WRITE = """\
Writing 'app.bin' at 0x00010000...
Flash will be erased from 0x00010000 to 0x00014fff...
Compressed 20096 bytes to 149...
Writing at 0x00014e80 \u2501\u2501\u2501\u2501\u2501\u2578          33.3% 149B/149B [0s] \x1b[0m
Wrote 20096 bytes (149 compressed) at 0x00010000 in 0.0 seconds (29353.6 kbit/s).
Verifying written data...
Hash of data verified.
"""
VERIFY = """\
Verifying 0x927c0 (600000) bytes at 0x00020000 in flash against 'big.bin'...
Verification successful (digest matched).
Verifying 0x4e80 (20096) bytes at 0x00010000 in flash against 'app.bin'...
Verification failed (digest mismatch).
"""


def heard(text: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(said.kind, said.words) for line in text.splitlines() if (said := read(line)) is not None]


def test_a_probe() -> None:
    assert heard(PROBE) == [
        ("tool", ("5.6.0",)),
        ("chip", ("ESP32-C3 (QFN32)", "v0.4")),
        ("mac", ("7c:df:a1:00:00:01",)),
        ("size", ("4", "M")),
    ]


def test_writing() -> None:
    assert heard(WRITE) == [("percent", ("00014e80", "33.3")), ("wrote", ("00010000",)), ("sure", ())]


def test_verifying() -> None:
    assert [kind for kind, _ in heard(VERIFY)] == ["checks", "same", "checks", "differs"]


@pytest.mark.parametrize(
    ("words", "chip"),
    [
        ("ESP32-C3 (QFN32)", "esp32c3"),
        ("ESP32-S3 (QFN56)", "esp32s3"),
        ("ESP32-S2FH4", "esp32s2"),
        ("ESP32-D0WD-V3", "esp32"),
        ("ESP32-D0WDQ6", "esp32"),
        ("ESP32-PICO-D4", "esp32"),
        ("ESP32-U4WDH", "esp32"),
        ("ESP32-C6FH4 (QFN32)", "esp32c6"),
        ("ESP32-C61 (QFN40)", "esp32c61"),
        ("ESP8266EX", "esp8266ex"),
    ],
)
def test_the_names_of_chips(words: str, chip: str) -> None:
    assert chip_of(words) == chip


@pytest.mark.parametrize(
    ("words", "whose"),
    [
        ("Failed to connect to ESP32: No serial data received.", "cable"),
        ("No more data to read from the serial port. This can have several causes: ...", "cable"),
        ("Invalid head of packet (0x65): Possible serial noise or corruption.", "cable"),
        ("MD5 of file does not match data in flash!", "verify"),
        ("Verification failed (digest mismatch).", "verify"),
        ("This chip is ESP32-S3, not ESP32. Wrong chip argument?", "chip"),
        ("Could not open /dev/ttyUSB0, the port is busy or doesn't exist.", "port"),
        ("Could not exclusively lock port /dev/ttyUSB0: [Errno 11] Resource temporarily unavailable", "port"),
        ("[Errno 13] could not open port /dev/ttyUSB0: [Errno 13] Permission denied", "port"),
        ("device reports readiness to read but returned no data (device disconnected?)", "gone"),
        ("write failed: [Errno 5] Input/output error", "gone"),
        ("Something new", "other"),
    ],
)
def test_whose_fault_a_failure_is(words: str, whose: str) -> None:
    assert blame(words) == whose


def test_the_esptool_that_is_installed_is_the_one_that_is_read() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "esptool", "version"], capture_output=True, text=True, check=True
    ).stdout
    assert re.search(rf"v{re.escape(VERSION)}\.\d+", said)
