"""What the bench writes: images that were imported, and firmware that came with the gateway or as a release."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

from sluis.app.supply import Supply
from sluis.model import SluisError
from sluis.panel.bench import KEEP, OURS, ChoicesReport, FirmwareReport, ImageReport, ProfileReport, Wish
from sluis.runtime import Clock
from sluis_provision.bench import Job
from sluis_provision.bundle.build import File, build
from sluis_provision.bundle.node import first_files
from sluis_provision.flashers import Part
from sluis_provision.flashers.problem import WrongImage
from sluis_provision.images.catalogue import Runtime, catalogue
from sluis_provision.images.chosen import chosen
from sluis_provision.images.profiles import Profile, profiles
from sluis_provision.images.store import Store

KEPT = "MicroPython that is on it"


class Stock:
    """Everything here reads files: call it off the event loop."""

    def __init__(self, images: Path, supply: Supply, clock: Clock) -> None:
        self._store = Store(images)
        self._supply = supply
        self._clock = clock

    def choices(self) -> ChoicesReport:
        return ChoicesReport(
            tuple(ProfileReport(one.key, one.name, one.chip, one.family, one.image) for one in profiles().values()),
            tuple(
                ImageReport(key, one.chip, one.version, one.file, self._store.state(one), one.url)
                for key, one in catalogue().items()
            ),
            (FirmwareReport(OURS, "", ""), *self._releases()),
        )

    def _releases(self) -> list[FirmwareReport]:
        """Those that are whole, trusted and not expired."""
        try:
            trust = self._supply.site.trust(self._now())
        except SluisError:
            return []
        held = self._supply.imported
        return [
            FirmwareReport(one.name, one.board, one.version)
            for one in held.records()
            if held.state(one.name, trust, self._now())[0] == "ready"
        ]

    def job(self, kind: Profile, wish: Wish) -> Job:
        """Checked: hash, chip, size, signatures. Raises what is wrong with it."""
        files = self._files(kind, wish.firmware)
        if wish.image == KEEP:
            if not files:
                raise WrongImage("nothing would be written", hint="Choose an image, or firmware to put on them.")
            return Job(kind, KEPT, "", (), files=files, erase=wish.erase)
        picked = chosen(kind, wish.image or None, self._named(wish.image), self._store)
        part = Part(picked.name, picked.content, picked.at)
        whole = hashlib.sha256(picked.content).hexdigest()
        return Job(kind, picked.name, whole, [part], picked.version, files, wish.erase)

    def _named(self, key: str) -> dict[str, Runtime]:
        """The catalogue. WrongImage for a key it does not have: what a browser names is never a file of ours."""
        known = catalogue()
        if key and key not in known:
            raise WrongImage(f"the catalogue has no image {key!r}", hint=f"Choose from {', '.join(known)}.")
        return known

    def _files(self, kind: Profile, firmware: str) -> list[Part]:
        if not firmware:
            return []
        named = {file.path: file.content for file in self._firmware(firmware)}
        named["/id.json"] = json.dumps({"board": kind.key}).encode()
        return [Part(Path(path).name, content, file=path) for path, content in sorted(named.items())]

    def _firmware(self, firmware: str) -> tuple[File, ...]:
        if firmware == OURS:
            return build()
        trust = self._supply.site.trust(self._now())
        return first_files(self._supply.imported.bundle(firmware, trust, self._now()), trust)

    def _now(self) -> datetime | None:
        stamp = self._clock.stamp()
        return datetime.fromtimestamp(stamp.at_us / 1e6, UTC) if stamp.trusted else None
