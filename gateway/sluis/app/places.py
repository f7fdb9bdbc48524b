"""Where things lie in the data directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """The data directory's layout."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "sluis.db"

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def drivers(self) -> Path:
        return self.root / "drivers"

    @property
    def rules(self) -> Path:
        return self.root / "rules.toml"

    @property
    def backups(self) -> Path:
        return self.root / "backups"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def recordings(self) -> Path:
        """What passed over links while somebody recorded it; made when first needed."""
        return self.root / "recordings"

    @property
    def supply(self) -> Path:
        """Whom releases are trusted by, and the bundles; made when first needed."""
        return self.root / "supply"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def info(self) -> Path:
        """What the running gateway says about itself: {"url", "pid", "ca", "broker"}."""
        return self.run / "gateway.json"

    @property
    def token(self) -> Path:
        """The token with which this machine's user talks to the API."""
        return self.run / "cli-token"

    @property
    def serial_ports(self) -> Path:
        """Which adapter each serial link was found to have."""
        return self.run / "serial-ports.json"

    def make(self) -> None:
        """Make the folders; the data directory is for its owner only."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o750)
        for folder in (self.pki, self.drivers, self.backups, self.log, self.run):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o700)
