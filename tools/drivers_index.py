"""Writes docs/drivers/README.md from the drivers there are and their pages. Run it after adding either."""

from __future__ import annotations

from pathlib import Path

import sluis_drivers
from sluis.sdk.loading import drivers_of

FOLDER = Path(__file__).parents[1] / "docs" / "drivers"


def index() -> str:
    """The page. A driver without a page of its own stands in it without a link."""
    lines = [
        "# Drivers",
        "",
        "Made by `python tools/drivers_index.py`.",
        "",
        "| driver | for | on | grade | proven against |",
        "|---|---|---|---|---|",
    ]
    for about in sorted((cls.about for cls in drivers_of(sluis_drivers)), key=lambda one: one.key):
        named = f"[`{about.key}`]({about.key}.md)" if (FOLDER / f"{about.key}.md").exists() else f"`{about.key}`"
        what = f"{about.vendor}: {', '.join(about.models)}".replace("|", "/")
        proven = about.proven.replace("|", "/")
        lines.append(f"| {named} | {what} | {', '.join(about.match.kinds)} | {about.grade.value} | {proven} |")
    own = {about.key for about in (cls.about for cls in drivers_of(sluis_drivers))}
    others = sorted(page.stem for page in FOLDER.glob("*.md") if page.stem not in own | {"README"})
    if others:
        lines += ["", "More: " + ", ".join(f"[{page.replace('-', ' ')}]({page}.md)" for page in others) + "."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (FOLDER / "README.md").write_text(index(), encoding="utf-8")
