"""What parts of nodes, their settings and their faults are called. The firmware's own words are English: those of the
parts that ship with it are listed here for the catalogues, others are shown as they are.
"""

from __future__ import annotations

import re

from sluis.panel.i18n import N_, Tongue

KINDS: dict[str, str] = {
    "bme280": N_("Temperature, humidity and air pressure (BME280)"),
    "dht22": N_("Temperature and humidity (DHT22)"),
    "dimmer": N_("Dimmer: lamp, fan or heater behind a transistor"),
    "ds18b20": N_("Temperature on 1-Wire (DS18B20)"),
    "pir": N_("Movement (PIR sensor, radar)"),
    "pulse_counter": N_("Pulse counter: S0 output, water or gas meter"),
    "reed": N_("Door, window or another dry contact"),
    "relay": N_("Relay, contactor or solid-state switch"),
    "scd4x": N_("CO₂ with temperature and humidity (SCD4x)"),
    "servo": N_("Servo: valve, flap or blind"),
    "sht4x": N_("Temperature and humidity (SHT4x)"),
    "veml7700": N_("Light in lux (VEML7700)"),
    "ws2812": N_("LED strip (WS2812)"),
    "i2c": N_("I2C bus"),
    "onewire": N_("1-Wire bus"),
}

FIELDS: dict[str, str] = {
    "address": N_("Address"),
    "altitude_m": N_("Altitude in metres"),
    "angle": N_("Angle in degrees"),
    "bus": N_("On the bus"),
    "count": N_("Number of lamps"),
    "curve": N_("Curve"),
    "debounce_ms": N_("Passes over changes shorter than (ms)"),
    "every_s": N_("Seconds between two readings"),
    "health_every_s": N_("Seconds between two reports of its health"),
    "hz": N_("Frequency in hertz"),
    "id": N_("Number of the chip's I2C unit"),
    "inverted": N_("Works the other way round"),
    "least": N_("Least that it is set to when on (%)"),
    "led": N_("Pin of its lamp"),
    "led_inverted": N_("Its lamp works the other way round"),
    "limit": N_("At most this bright (%)"),
    "lost_after_s": N_("Seconds without a gateway until all is made safe (0: never)"),
    "max_us": N_("Longest pulse (µs)"),
    "min_us": N_("Shortest pulse (µs)"),
    "name": N_("Name"),
    "offset": N_("Correction of the temperature (°C)"),
    "order": N_("Order of the colours"),
    "per_pulse": N_("Counts for each pulse"),
    "pin": N_("Pin"),
    "proof": N_("Point that shows that it works"),
    "quantity": N_("What it is"),
    "rest": N_("Rests when it is there"),
    "risky_pins": N_("Allow pins that are better left alone"),
    "safe": N_("Safe state"),
    "scl": N_("Clock pin (SCL)"),
    "sda": N_("Data pin (SDA)"),
    "self_calibration": N_("Calibrates itself with fresh air"),
    "settle_ms": N_("Waits so long for it to be still (ms)"),
    "settle_s": N_("Seconds until it is quiet after the start"),
    "unit": N_("Unit"),
}

FLAGS = {"safe": N_("On is the safe state")}
"""What is called otherwise where it is a box to tick."""

FAULTS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"is missing", N_("is missing")),
        (r"is unknown; known are (?P<known>.+)", N_("is not known here; known are %(known)s")),
        (r"must be an object", N_("must be an object")),
        (r"must be true or false", N_("must be true or false")),
        (r"must be a number from (?P<low>\S+) to (?P<high>\S+)", N_("must be a number from %(low)s to %(high)s")),
        (
            r"must be a whole number from (?P<low>\S+) to (?P<high>\S+)",
            N_("must be a whole number from %(low)s to %(high)s"),
        ),
        (r"must be a text of at most (?P<most>\d+) characters", N_("must be a text of at most %(most)s characters")),
        (r"must be one of (?P<options>.+)", N_("must be one of %(options)s")),
        (r"must be the number of a pin", N_("must be the number of a pin")),
        (r"must be the name of a bus of kind (?P<kind>\S+)", N_("must be the name of a bus of kind %(kind)s")),
        (r"must be a part that this firmware knows", N_("is no part that this firmware knows")),
        (r"must be at most (?P<most>\d+)", N_("must be at most %(most)s")),
        (r"is no key: .*", N_("is no key: small letters, digits and _, at most 32")),
        (r"uses pin (?P<pin>\S+), which (?P<who>\S+) uses", N_("uses pin %(pin)s, which %(who)s uses")),
        (r"is pin \S+, which is no pin of the board (?P<board>\S+)(: .*)?", N_("is no pin of the board %(board)s")),
        (
            r"is pin \S+, which can only be read on the board (?P<board>\S+)",
            N_("can only be read on the board %(board)s"),
        ),
        (
            r"is pin \S+, which should not be used on the board \S+ \((?P<why>.*)\); .*",
            N_("should not be used on this board: %(why)s"),
        ),
        (
            r"has address (?P<address>\S+), where (?P<who>\S+) is too",
            N_("has address %(address)s, where %(who)s is too"),
        ),
        (r"has no address, and neither has (?P<who>\S+)", N_("has no address, and neither has %(who)s")),
        (r"is driven by the same channel .* as (?P<who>\S+): .*", N_("is driven by the same channel as %(who)s")),
        (r"cannot be pin (?P<pin>\S+) on (?P<unit>I2C\d): .*", N_("cannot be pin %(pin)s on %(unit)s")),
    )
)
"""What the firmware finds wrong, as patterns for whole sentences. One that is not here is shown in English."""

REASONS: tuple[tuple[str, str], ...] = (
    ("the boot before was not confirmed", N_("it crashed before it had reached the gateway")),
    ("the broker was not reached", N_("it did not reach the gateway")),
)


def fault(speech: Tongue, what: str) -> str:
    """What is wrong, in the reader's language where it is known."""
    for pattern, text in FAULTS:
        if found := pattern.fullmatch(what):
            return speech(text, **found.groupdict()) if found.groupdict() else speech(text)
    return what


def kind(speech: Tongue, key: str, about: str = "") -> str:
    return speech(KINDS[key]) if key in KINDS else about or key


def field(speech: Tongue, key: str, flag: bool = False) -> str:
    known = FLAGS.get(key) if flag else None
    return speech(known or FIELDS[key]) if key in FIELDS else key
