"""Finding and reading the kernel's sensors. All of it blocks: it runs in a thread.

Where they are (Linux kernel, Documentation/ABI/):

    sys/bus/w1/devices/28-00000a1b2c3d/w1_slave, temperature       testing/sysfs-driver-w1_therm
    sys/bus/iio/devices/iio:device0/name, in_temp_input, ...       testing/sysfs-bus-iio
    sys/class/hwmon/hwmon0/name, temp1_input, temp1_label, ...     testing/sysfs-class-hwmon

`iio:device0` and `hwmon0` are numbers in order of appearance and change with a restart; a sensor is known by the device
below it (`1-0076`: bus 1, address 0x76), or by its name where there is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FOLDERS: Mapping[str, str] = {"w1": "sys/bus/w1/devices", "iio": "sys/bus/iio/devices", "hwmon": "sys/class/hwmon"}

THERMOMETERS = ("10", "22", "28", "3b", "42")
"""1-Wire families with a temperature: DS18S20, DS1822, DS18B20, DS1825, DS28EA00 (kernel's w1_therm)."""

FILES: Mapping[str, re.Pattern[str]] = {
    "iio": re.compile(r"in_[a-z0-9_]+"),
    "hwmon": re.compile(r"(temp|in|curr|power|energy|humidity|fan|freq)\d+_(input|label|fault|([a-z]+_)?alarm)"),
}
MEASURES: Mapping[str, re.Pattern[str]] = {
    "iio": re.compile(r"in_[a-z0-9_]+_(input|raw)"),
    "hwmon": re.compile(r"(temp|in|curr|power|energy|humidity|fan|freq)\d+_(input|([a-z]+_)?alarm)"),
}
TOLD = ("scale", "offset", "input", "raw", "label")
"""Endings of IIO files that say something of a value; others are settings (sampling frequencies, ranges)."""

LONGEST = 4_096
"""Bytes read of one file: a page, the most that a file of sysfs holds."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """One device of the kernel's."""

    source: str
    """`w1/28-00000a1b2c3d`, `iio/1-0076`, `hwmon/cpu_thermal`."""
    kind: str
    folder: Path
    name: str = ""
    """What its driver in the kernel calls it: `bme280`, `lm75`."""
    channels: tuple[str, ...] = ()
    """Files that hold a value."""
    labels: Mapping[str, str] = field(default_factory=dict)


def present(root: Path, kinds: Sequence[str]) -> list[str]:
    """Those interfaces that this kernel has."""
    return [kind for kind in kinds if (root / FOLDERS[kind]).is_dir()]


def find(root: Path, kinds: Sequence[str]) -> dict[str, Sensor]:
    """All sensors there are, by source."""
    found: dict[str, Sensor] = {}
    for kind in present(root, kinds):
        for sensor in _w1(root) if kind == "w1" else _others(root, kind):
            number, source = 2, sensor.source
            while source in found:
                source, number = f"{sensor.source}-{number}", number + 1
            found[source] = Sensor(source, kind, sensor.folder, sensor.name, sensor.channels, sensor.labels)
    return found


def read(sensor: Sensor) -> dict[str, str]:
    """File -> what it says. OSError when none of its values can be read."""
    if sensor.kind == "w1":
        return _read_w1(sensor)
    wanted = FILES[sensor.kind]
    said: dict[str, str] = {}
    problem: OSError | None = None
    for file in sorted(sensor.folder.iterdir()):
        if wanted.fullmatch(file.name) and (sensor.kind != "iio" or file.name.endswith(TOLD)):
            try:
                said[file.name] = _text(file)
            except OSError as error:
                problem = error
    if problem is not None and not any(MEASURES[sensor.kind].fullmatch(name) for name in said):
        raise problem
    return said


def _w1(root: Path) -> Iterator[Sensor]:
    for folder in sorted((root / FOLDERS["w1"]).iterdir()):
        family, _, serial = folder.name.partition("-")
        if serial and family.lower() in THERMOMETERS:
            yield Sensor(f"w1/{folder.name}", "w1", folder, family.lower(), ("temperature",))


def _read_w1(sensor: Sensor) -> dict[str, str]:
    """`w1_slave` says whether the check was right; kernels without it have `temperature` only."""
    for name in ("w1_slave", "temperature"):
        if (sensor.folder / name).exists():
            return {name: _text(sensor.folder / name)}
    raise FileNotFoundError(f"{sensor.source} has no temperature")


def _others(root: Path, kind: str) -> Iterator[Sensor]:
    for folder in sorted((root / FOLDERS[kind]).iterdir(), key=lambda one: (len(one.name), one.name)):
        try:
            name = _text(folder / "name")
            channels = tuple(sorted(f.name for f in folder.iterdir() if MEASURES[kind].fullmatch(f.name)))
            labels = {f.name: _text(f) for f in folder.iterdir() if f.name.endswith("_label")}
        except OSError:
            continue  # it went away while we looked
        if channels:
            yield Sensor(f"{kind}/{_below(folder, kind) or _word(name)}", kind, folder, name, channels, labels)


def _below(folder: Path, kind: str) -> str:
    """The device below: `1-0076`. "" when there is none with a name of its own."""
    below = (folder / "device").resolve() if kind == "hwmon" else folder.resolve().parent
    is_own = re.fullmatch(r"\d+-[0-9a-f]{4}|spi\d+\.\d+|[0-9a-f]+\.[a-z][a-z0-9_-]*", below.name)
    return _word(below.name) if is_own and below.exists() else ""


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text) or "sensor"


def _text(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.read(LONGEST).decode(errors="replace").strip()
