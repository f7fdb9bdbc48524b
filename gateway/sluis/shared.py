"""Where the files live that ship beside the code: the checkout first, the installed share folder second."""

from __future__ import annotations

import sys
from pathlib import Path


def shared_dir(room: str) -> Path:
    """The folder of a non-Python room (`dashboards`, `firmware`, `hardware`).

    FileNotFoundError when it is in neither place: the installation is damaged.
    """
    for parent in Path(__file__).resolve().parents:
        if (parent / "pyproject.toml").is_file() and (parent / room).is_dir():
            return parent / room
    installed = Path(sys.prefix) / "share" / "sluis" / room
    if installed.is_dir():
        return installed
    raise FileNotFoundError(f"{room} is neither in a checkout nor at {installed}; install Sluis again")
