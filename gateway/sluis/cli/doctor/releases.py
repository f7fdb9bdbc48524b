"""Checks of releases: whom they are trusted by, how old the last word is, and that no key of theirs is here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from sluis.cli.doctor.finding import Finding, Place, note, ok, wrong
from sluis.model import SluisError

EXPIRES_NOTE_DAYS = 90
"""Those who hold a root must meet to renew it; a quarter of a year is time for that."""

DAY_S = 86_400.0


def releases(place: Place) -> Iterable[Finding]:
    """Quiet where nobody's releases are trusted."""
    yield from _keys(place.data_dir)
    if not (place.data_dir / "supply" / "root.json").exists():
        return
    from sluis_provision.supply.site import Site, anchor_of

    site, now = Site(place.data_dir / "supply"), datetime.fromtimestamp(place.now_s, UTC)
    try:
        root = site.root()
    except SluisError as error:
        yield wrong("Releases", str(error), "No release is taken.", "Restore `supply` from a backup, or trust a root.")
        return
    left_days = (root.expires - now).total_seconds() / DAY_S
    if left_days <= 0:
        why = "No release is taken any more."
        yield wrong("Releases", f"the trusted root expired on {root.expires:%Y-%m-%d}", why, "sluis bundle trust ROOT")
        return
    if left_days < EXPIRES_NOTE_DAYS:
        todo = "Ask those who release for a renewed one; it comes with the next import."
        yield note(
            "Releases", f"the trusted root expires on {root.expires:%Y-%m-%d}", "Then no release is taken.", todo
        )
    yield _heard(site.folder, anchor_of(root).print, now)


def _heard(folder: Path, print_: str, now: datetime) -> Finding:
    from sluis_provision.supply.site import Site
    from sluis_provision.supply.visit import freshness

    seen = freshness(Site(folder), now)
    if seen is None:
        return ok("Releases", f"trusted by the root {print_}; no repository was seen yet")
    age_s = seen.age_s(now)
    heard = f"the last word is {age_s / DAY_S:.0f} days old" if age_s is not None else "the last word has no date"
    if not seen.late:
        return ok("Releases", f"trusted by the root {print_}; {heard}")
    why = "There may be newer releases, or somebody holds them back. What is here stays authentic."
    return note("Releases", f"{heard}; a newer one was due on {seen.until:%Y-%m-%d}", why, "sluis bundle import SOURCE")


def _keys(folder: Path) -> Iterable[Finding]:
    """Keys that sign releases: whoever takes the gateway would have them."""
    for file in sorted(folder.rglob("*.key")):
        if file.is_file() and b'"sealed"' in file.read_bytes()[:4096]:
            why = "Whoever takes this gateway can try passphrases, and then release."
            yield wrong("Releases", f"{file} is a key that signs releases", why, "Revoke it, make another elsewhere.")
