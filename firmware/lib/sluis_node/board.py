"""What differs between ports: names, temperature, lamp. Everything else asks here."""

import sys

import machine

try:
    from typing import Any
except ImportError:  # a node has no typing
    pass

PORT = sys.platform

_CAUSES = (
    ("WDT_RESET", "watchdog"),
    ("PWRON_RESET", "power"),
    ("HARD_RESET", "restart"),
    ("SOFT_RESET", "soft restart"),
    ("DEEPSLEEP_RESET", "deep sleep"),
)


def chip_id() -> str:
    """The chip's own number: the base MAC of an ESP32, the unique id of an RP2's flash."""
    return machine.unique_id().hex()


def reset_cause() -> str:
    cause = machine.reset_cause()
    for name, word in _CAUSES:
        if getattr(machine, name, None) == cause:
            return word
    return "unknown"


def thermometer() -> "Any":
    """A function that gives the chip's temperature, or None where it has none worth reading."""
    if PORT == "rp2":
        adc = machine.ADC(machine.ADC.CORE_TEMP)
        # RP2040 data sheet 4.9.5: 27 degrees at 0.706 V, -1.721 mV a degree.
        return lambda: round(27 - (adc.read_u16() * 3.3 / 65535 - 0.706) / 0.001721, 1)
    if PORT == "esp32":
        import esp32  # type: ignore[import-not-found]

        return getattr(esp32, "mcu_temperature", None)  # not on the classic ESP32
    return None


def lamp(pin: "int | str | None") -> "Any":
    """The pin of the lamp that identifies the board, or None."""
    if pin is None and PORT == "rp2":
        pin = "LED"
    if pin is None:
        return None
    try:
        return machine.Pin(pin, machine.Pin.OUT)
    except (ValueError, TypeError):
        return None


def hardware() -> str:
    """What the interpreter says it runs on."""
    return str(getattr(sys.implementation, "_machine", ""))
