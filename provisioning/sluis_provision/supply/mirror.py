"""A copy of a release repository in a folder: how what is on a web server gets onto a stick.

It is looked into as a gateway would, from the root that it begins with, so that a copy is whole. Whether that root is
to be trusted is for each gateway to say: a copy is worth no more, and no less, than where it came from.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sluis.model import SluisError
from sluis_provision.files import write_whole
from sluis_provision.supply.problem import Unreachable
from sluis_provision.supply.site import ROOT_BYTES_MAX, Anchor, Site, anchor_of
from sluis_provision.supply.visit import Freshness, Offer, Visit, fetcher_of, translated


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What was copied."""

    anchor: Anchor
    """Its newest root."""
    freshness: Freshness
    bundles: tuple[str, ...]
    bytes: int
    """Of the bundles."""


def mirror(source: str, folder: Path) -> Mirrored:
    """Copy all of a repository into a new copy, or an older one, of it.

    Raises what is wrong with the source, or Unreachable when the folder cannot be written. The timestamp, which makes
    the rest count, is written last, so that an unfinished copy is still the older one.
    """
    fetcher, base = fetcher_of(source)
    with translated(source):
        first = fetcher.download_bytes(f"{base}/metadata/1.root.json", ROOT_BYTES_MAX)
    with tempfile.TemporaryDirectory() as scratch:
        site = Site(Path(scratch))
        site.choose(first)
        visit = Visit(site, source, None)
        try:
            for offer in visit.offers:
                _bring(visit, offer, folder / "targets")
            _lists(site, folder)
        except OSError as error:
            if isinstance(error, SluisError):
                raise
            raise Unreachable(f"{folder} cannot be written: {error.strerror}") from error
        names, size = tuple(one.name for one in visit.offers), sum(one.bytes for one in visit.offers)
        return Mirrored(anchor_of(site.root()), visit.freshness, names, size)


def _bring(visit: Visit, offer: Offer, folder: Path) -> None:
    """One bundle, unless it is there already."""
    file = folder / f"{offer.sha256}.{offer.name}"
    if file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() == offer.sha256:
        return
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / ".incoming"
    visit.fetch(offer.name, beside)
    beside.replace(file)


def _lists(site: Site, folder: Path) -> None:
    metadata = folder / "metadata"
    for root in sorted((site.metadata / "root_history").glob("*.root.json")):
        write_whole(metadata / root.name, root.read_bytes())
    for sequence, data in site.handed_down().items():
        write_whole(folder / "trust" / f"{sequence}.json", data)
    for name in ("targets", "snapshot"):
        data = (site.metadata / f"{name}.json").read_bytes()
        write_whole(metadata / f"{json.loads(data)['signed']['version']}.{name}.json", data)
    write_whole(metadata / "timestamp.json", (site.metadata / "timestamp.json").read_bytes())
