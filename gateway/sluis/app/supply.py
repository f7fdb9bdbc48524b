"""Releases, wired to the gateway: its clock, its audit log, its folder; `sluis_provision.supply` does the work.

python-tuf takes nine megabytes and a quarter of a second, so it is imported when somebody asks for it first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sluis.model import Actor, BundleError
from sluis.model.errors import SluisError
from sluis.panel.supply import (
    BundleDetail,
    BundleReport,
    FreshReport,
    KeyReport,
    LookReport,
    OfferReport,
    TakenReport,
    TrustReport,
)
from sluis.runtime import Clock
from sluis.store.audit import AuditLog
from sluis_provision.bundle.archive import SUFFIX
from sluis_provision.supply.imported import Bring, Imported, Record, Word, copying
from sluis_provision.supply.problem import NothingTrusted
from sluis_provision.supply.settings import SupplySettings

if TYPE_CHECKING:
    from sluis_provision.bundle.archive import Bundle
    from sluis_provision.supply.site import Anchor, Site


class OtherPrint(BundleError):
    """The root is not the one whose print was given."""

    code = "bundle.other-print"
    hint = "Compare the print with those who release, over another road than the one the root came by."


class Supply:
    """Implements the panel's `Supply`. What reads files or the network does so off the event loop, one at a time."""

    def __init__(self, folder: Path, settings: SupplySettings, audit: AuditLog, clock: Clock) -> None:
        self.repository = settings.repository
        self.imported = Imported(folder / "bundles")
        self._folder = folder
        self._audit = audit
        self._clock = clock
        self._turn = asyncio.Lock()

    @cached_property
    def site(self) -> Site:
        """Whom the site trusts."""
        from sluis_provision.supply.site import Site

        return Site(self._folder)

    # -- whom to trust ------------------------------------------------------------------------------------

    async def trust(self) -> TrustReport | None:
        """None while nobody was chosen."""
        try:
            return await asyncio.to_thread(self._trust, self._now())
        except NothingTrusted:
            return None

    async def choose(self, root: bytes, print_: str, actor: Actor, *, reason: str = "") -> TrustReport:
        """Trust a root whose print a person compared. OtherPrint when it has another."""
        anchor = await asyncio.to_thread(_anchor, root)
        if anchor.print != print_.replace(" ", "").lower():
            raise OtherPrint(f"this root has the print {anchor.print}")
        async with self._turn:
            await asyncio.to_thread(self.site.choose, root)
        keys = {one.key.id: one.key.name for one in anchor.holders}
        await self._audit.record(
            actor, "bundle.trust", anchor.print, {"version": anchor.version, "keys": keys}, reason=reason
        )
        return await asyncio.to_thread(self._trust, self._now())

    # -- what comes in ------------------------------------------------------------------------------------

    async def look(self, source: str) -> LookReport:
        """What a repository offers. Raises why it is not believed."""
        async with self._turn:
            return await asyncio.to_thread(self._look, source or self.repository, self._now())

    async def bring(
        self, source: str, names: Sequence[str], actor: Actor, *, allow_older: bool = False, reason: str = ""
    ) -> list[TakenReport]:
        """Import bundles of a repository: those named, else the newest for each board; or the one bundle that `source`
        is. What became of each."""
        source = source or self.repository
        word = self._word(actor, source, allow_older, reason)
        async with self._turn:
            taken = await asyncio.to_thread(self._bring, source, names, self._now(), word)
        for record, report in taken:
            if record is not None and report.outcome == "imported":
                await self._imported(record, actor)
        return [report for _, report in taken]

    async def take(
        self, content: bytes, source: str, actor: Actor, *, allow_older: bool = False, reason: str = ""
    ) -> BundleReport:
        """Import one bundle that somebody sends. Raises why it does not come in."""
        word = self._word(actor, source, allow_older, reason)

        def bring(into: Path) -> None:
            into.write_bytes(content)

        async with self._turn:
            record, new = await asyncio.to_thread(self._take, bring, self._now(), word)
        if new:
            await self._imported(record, actor)
        return await asyncio.to_thread(self._report, record, self._now())

    # -- what is here -------------------------------------------------------------------------------------

    async def bundles(self) -> list[BundleReport]:
        """Newest first."""
        return await asyncio.to_thread(self._bundles, self._now())

    async def bundle(self, name: str) -> BundleDetail:
        return await asyncio.to_thread(self._detail, name, self._now())

    async def file(self, name: str) -> Path:
        return await asyncio.to_thread(self.imported.path, name)

    async def usable(self, name: str) -> Bundle:
        """A bundle, checked again. Raises why it is not believed."""
        return await asyncio.to_thread(self._usable, name, self._now())

    async def remove(self, name: str, actor: Actor, *, reason: str = "") -> None:
        async with self._turn:
            record = await asyncio.to_thread(self.imported.remove, name)
        await self._audit.record(actor, "bundle.remove", name, {"manifest": record.manifest}, reason=reason)

    # -- off the event loop -------------------------------------------------------------------------------

    def _trust(self, now: datetime | None) -> TrustReport:
        from sluis_provision.supply.site import anchor_of
        from sluis_provision.supply.visit import freshness

        root = self.site.root()
        anchor, trust = anchor_of(root), self.site.trust(None)
        return TrustReport(
            anchor.version,
            anchor.print,
            _us(anchor.expires),
            now is not None and root.is_expired(now),
            {str(role): needed for role, needed in anchor.thresholds.items()},
            tuple(KeyReport(one.key.id, one.key.name, one.roles) for one in anchor.holders),
            trust.encode().decode(),
            trust.sequence,
            tuple(self.site.handed_down()),
            _fresh(freshness(self.site, now), now),
            self.repository,
        )

    def _look(self, source: str, now: datetime | None) -> LookReport:
        from sluis_provision.supply.visit import Visit

        visit = Visit(self.site, source, now)
        here = {one.manifest for one in self.imported.records()}
        offers = tuple(
            OfferReport(
                one.name,
                one.bytes,
                str(one.told.get("board", "")),
                str(one.told.get("version", "")),
                int(one.told.get("sequence", 0)),
                one.told.get("manifest") in here,
            )
            for one in visit.offers
        )
        fresh = _fresh(visit.freshness, now)
        assert fresh is not None
        return LookReport(source, fresh, offers, visit.handed_down)

    def _bring(
        self, source: str, names: Sequence[str], now: datetime | None, word: Word
    ) -> list[tuple[Record | None, TakenReport]]:
        if source.endswith(SUFFIX) and "://" not in source:
            return [self._one(Path(source).name, copying(Path(source)), now, word)]
        from sluis_provision.supply.visit import Visit, newest

        visit = Visit(self.site, source, now)
        return [self._one(name, visit.bringing(name), now, word) for name in names or newest(visit.offers)]

    def _one(self, name: str, bring: Bring, now: datetime | None, word: Word) -> tuple[Record | None, TakenReport]:
        try:
            record, new = self._take(bring, now, word)
        except SluisError as error:
            return None, TakenReport(name, "refused", f"{error}. {error.hint}".rstrip(), error.code)
        if not new:
            return record, TakenReport(name, "there", "is here already")
        said = "a person allowed it, though it is older" if record.allowed else "its signatures are right"
        return record, TakenReport(name, "imported", said)

    def _take(self, bring: Bring, now: datetime | None, word: Word) -> tuple[Record, bool]:
        return self.imported.take(bring, self.site.trust(now), now, word)

    def _usable(self, name: str, now: datetime | None) -> Bundle:
        return self.imported.bundle(name, self.site.trust(now), now)

    def _bundles(self, now: datetime | None) -> list[BundleReport]:
        return [self._report(one, now) for one in self.imported.records()]

    def _report(self, record: Record, now: datetime | None) -> BundleReport:
        try:
            state, why = self.imported.state(record.name, self.site.trust(now), now)
        except BundleError as error:  # the root is gone, or expired
            state, why = "untrusted", str(error)
        told = {name: getattr(record, name) for name in Record.__slots__}
        return BundleReport(**told, state=state, why=why)

    def _detail(self, name: str, now: datetime | None) -> BundleDetail:
        from sluis_provision.bundle import archive

        report = self._report(self.imported.record(name), now)
        told: dict[str, Any] = {}
        if report.state != "damaged":
            held = archive.opened(self.imported.path(name))
            told = {
                "runtime": held.manifest.runtime,
                "from": held.manifest.since,
                "expires": held.manifest.expires,
                "files": [{"path": one.path, "size": one.size, "sha256": one.sha256} for one in held.manifest.files],
                "changelog": dict(held.notes.changelog),
                "tools": dict(held.notes.tools),
                "signers": list(held.signers),
            }
        return BundleDetail(report, told)

    # -- small parts --------------------------------------------------------------------------------------

    async def _imported(self, record: Record, actor: Actor) -> None:
        detail = {
            "manifest": record.manifest,
            "sequence": record.sequence,
            "source": record.source,
            "older": bool(record.allowed),
        }
        await self._audit.record(actor, "bundle.import", record.name, detail, reason=record.allowed)

    def _word(self, actor: Actor, source: str, allow_older: bool, reason: str) -> Word:
        return Word(actor.label, self._clock.stamp().at_us, source, allow_older, reason)

    def _now(self) -> datetime | None:
        """None while the clock is not believed: then nothing expires, and nothing is called late."""
        stamp = self._clock.stamp()
        return datetime.fromtimestamp(stamp.at_us / 1e6, UTC) if stamp.trusted else None


def _anchor(root: bytes) -> Anchor:
    from sluis_provision.release import roles
    from sluis_provision.supply.site import anchor_of

    return anchor_of(roles.root_in(root).signed)


def _fresh(seen: Any, now: datetime | None) -> FreshReport | None:
    if seen is None:
        return None
    made = _us(seen.made) if seen.made else None
    return FreshReport(seen.version, made, _us(seen.until), seen.age_s(now) if now else None, seen.late)


def _us(at: datetime) -> int:
    return int(at.timestamp() * 1e6)
