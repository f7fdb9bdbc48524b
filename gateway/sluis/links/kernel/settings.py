"""What can be set of the kernel's sensors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sluis.model import ConfigError

KINDS = ("w1", "iio", "hwmon")


@dataclass(frozen=True, slots=True)
class KernelSettings:
    """Sensors with a driver in the kernel: 1-Wire thermometers, I2C sensors through IIO and hwmon."""

    enabled: bool = False
    """Look for such sensors. Those found are announced; adopting stays a person's decision."""
    kinds: tuple[str, ...] = KINDS
    """Which of the kernel's interfaces to look at: `w1`, `iio`, `hwmon`."""
    every_s: float = 10.0
    """How often an adopted sensor of IIO or hwmon is read."""
    w1_every_s: float = 30.0
    """How often an adopted thermometer on 1-Wire is read; each takes 0.75 s, one after the other."""
    scan_s: float = 10.0
    """How often to look for sensors that were plugged in or out."""
    root: Path = Path("/")
    """Where `sys` is; another folder for a tree of files that stands in for it."""

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise ConfigError(f"is {kind!r}", where="kernel.kinds", allowed=", ".join(KINDS))
        for what, value in (("every_s", self.every_s), ("w1_every_s", self.w1_every_s), ("scan_s", self.scan_s)):
            if value < 0.05:
                raise ConfigError(f"is {value:g}", where=f"kernel.{what}", allowed="0.05 or more")

    def rhythm_s(self, kind: str) -> float:
        """How often sensors of this kind are read."""
        return self.w1_every_s if kind == "w1" else self.every_s
