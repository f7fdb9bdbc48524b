"""How the bench stood, in a file: what a page shows after a restart of the gateway. Nothing in it is secret."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sluis.panel.bench import RunReport
from sluis_provision.files import write_whole

NAME = "bench.json"


def load(folder: Path) -> RunReport | None:
    """None when there is none; a damaged file is none."""
    try:
        return msgspec.json.decode((folder / NAME).read_bytes(), type=RunReport | None)
    except (OSError, msgspec.MsgspecError):
        return None


def save(folder: Path, run: RunReport | None) -> None:
    """OSError when the card is full or gone."""
    write_whole(folder / NAME, msgspec.json.encode(run))
