"""Labels, instruction cards and site walks for the panel; `sluis_provision.papers` and `.walk` do the work."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from sluis.app.walked import WalkedSite
from sluis.control.control import Control
from sluis.intake import Register
from sluis.model import Actor, AlreadyThere, Device, NotFound, ProvisionError
from sluis.model.nodes import Node
from sluis.model.papers import Card
from sluis.panel.i18n import tongue
from sluis.panel.pages.words import label_of
from sluis.runtime import Clock
from sluis.store.audit import AuditLog
from sluis.store.database import Database
from sluis.store.papers import Papers as Records
from sluis.store.signing import SigningKey
from sluis_provision.papers.cards import CardSource, Offer, card_html, first_card
from sluis_provision.papers.certificate import Certificate, opened, print_in, sealed
from sluis_provision.papers.sizes import SHEETS, TAPES, Sheet, Tape
from sluis_provision.walk import Walks


class Papers:
    """Implements the panel's `Papers`. What is drawn is drawn off the event loop."""

    def __init__(
        self, records: Records, walks: Walks, register: Register, audit: AuditLog, clock: Clock, key: SigningKey
    ) -> None:
        self.walks = walks
        self._records = records
        self._register = register
        self._audit = audit
        self._clock = clock
        self._key = key
        self._open: frozenset[str] | None = None

    # -- labels -------------------------------------------------------------------------------------------

    def sheets(self) -> dict[str, str]:
        """Names of the sheets of labels, by key."""
        return {key: one.name for key, one in SHEETS.items()}

    def tapes(self) -> dict[str, str]:
        """Names of the single labels for label printers, by key."""
        return {key: one.name for key, one in TAPES.items()}

    async def label(self, device: Device, tape: str, base: str) -> bytes:
        """A PNG for a label printer. NotFound for a size we do not know."""
        return await asyncio.to_thread(_label_png, device, base, _tape(tape))

    async def labels(
        self, devices: Sequence[Device], sheet: str, base: str, *, skip: int = 0, copies: int = 1
    ) -> bytes:
        """A PDF of labels on sheets. NotFound for a sheet we do not know."""
        chosen = SHEETS.get(sheet)
        if chosen is None:
            raise NotFound(f"there is no sheet {sheet!r}", hint=f"Choose from {', '.join(SHEETS)}.")
        return await asyncio.to_thread(_label_sheet, devices, base, chosen, skip, copies)

    async def node_label(self, node: Node, code: str, tape: str, base: str) -> bytes:
        """A PNG for a board that is not in use yet: its code leads to its page and carries its set-up code.

        NotFound for a size we do not know, ProvisionError where the code is too dense for it.
        """
        return await asyncio.to_thread(_node_png, node, code, base, _tape(tape))

    # -- cards --------------------------------------------------------------------------------------------

    async def card(self, device: Device, language: str) -> Card:
        """As somebody wrote it, else as it is made from what the device offers."""
        held = await self._records.card(device.key, language)
        return held or Card(device.key, language, first_card(self._source(device, language), language))

    def card_html(self, card: Card) -> str:
        """Safe to put in a page."""
        return card_html(card.text)

    async def card_pdf(self, device: Device, language: str, base: str) -> bytes:
        card = await self.card(device, language)
        return await asyncio.to_thread(_card_pdf, card, _address(device, base), device.asset_number)

    async def write_card(self, device: Device, language: str, text: str, actor: Actor) -> Card:
        """ProvisionError when it is empty or too long."""
        if not text.strip():
            raise ProvisionError("a card cannot be empty", hint="To have the first version back, reset it.")
        card_html(text)
        card = Card(device.key, language, text.replace("\r\n", "\n"), actor.name, self._clock.stamp().at_us)
        await self._records.save_card(card)
        await self._audit.record(actor, "card.write", device.key, {"language": language})
        return card

    async def reset_card(self, device: Device, language: str, actor: Actor) -> Card:
        """Back to the version that is made from what the device offers."""
        if await self._records.remove_card(device.key, language):
            await self._audit.record(actor, "card.reset", device.key, {"language": language})
        return await self.card(device, language)

    async def open_areas(self) -> frozenset[str]:
        """Areas whose cards may be read without an account."""
        if self._open is None:
            self._open = await self._records.open_areas()
        return self._open

    async def set_open(self, area: str, is_open: bool, actor: Actor) -> None:
        if area not in self._register.areas():
            raise NotFound(f"there is no area {area!r}")
        await self._records.set_open(area, is_open)
        self._open = None
        await self._audit.record(actor, "area.cards", area, {"open": is_open})

    def _source(self, device: Device, language: str) -> CardSource:
        speech = tongue(language)
        offers = tuple(
            Offer(
                label_of(point, speech),
                point.kind,
                point.unit,
                point.writable,
                point.minimum,
                point.maximum,
                point.options,
            )
            for point in self._register.points(device.key).values()
            if not point.category
        )
        what = f"{device.vendor} {device.model}".strip()
        return CardSource(device.label, what, device.area, offers, device.asset_number)

    # -- certificates -------------------------------------------------------------------------------------

    async def sign_walk(self, walk_id: str, actor: Actor) -> str:
        """The certificate of a walk that is done."""
        note = await self.walks.sign(walk_id, actor)
        walk, _ = await self.walks.walk(walk_id)
        await self._audit.record(actor, "walk.sign", walk.area, {"walk": walk_id, "print": print_in(note)})
        return note

    async def report(self, walk_id: str, language: str, pictures: Sequence[tuple[bytes, str]] = ()) -> bytes:
        """A signed walk on paper. AlreadyThere (409) while it is not signed."""
        certificate = await self._certificate(walk_id)
        return await asyncio.to_thread(_report_pdf, certificate, pictures, language)

    async def _certificate(self, walk_id: str) -> Certificate:
        _walk, note = await self.walks.walk(walk_id)
        if not note:
            raise AlreadyThere("this walk is not signed yet", hint="Sign it first.")
        return opened(note, self._key.public, self._key.verified)


def build_papers(
    site_name: str, database: Database, register: Register, control: Control, audit: AuditLog, clock: Clock, pki: Path
) -> Papers:
    """All of it. Certificates are signed with the key that signs the audit log."""
    key, records = SigningKey.load_or_make(pki / "audit.key"), Records(database)
    walks = Walks(WalkedSite(site_name, register, control), records, clock, lambda made: sealed(made, key.sign_note))
    return Papers(records, walks, register, audit, clock, key)


def _tape(key: str) -> Tape:
    """NotFound for a size we do not know."""
    found = TAPES.get(key)
    if found is None:
        raise NotFound(f"there is no label {key!r}", hint=f"Choose from {', '.join(TAPES)}.")
    return found


# What draws is imported where it is used, off the event loop: a gateway that never prints does not carry it.


def _label_png(device: Device, base: str, tape: Tape) -> bytes:
    from sluis_provision.papers.labels import Label, label_png

    return label_png(Label(device.label, _lines(device), _address(device, base)), tape)


def _node_png(node: Node, code: str, base: str, tape: Tape) -> bytes:
    from sluis_provision.papers.labels import Label, label_png

    lines = tuple(line for line in (node.profile, node.board, node.id if node.serial else "", code) if line)
    # A browser sends no one what comes after the #, so the code is in no log on the way.
    return label_png(Label(node.serial or node.id, lines, f"{base.rstrip('/')}/n/{node.id}#{code}"), tape)


def _label_sheet(devices: Sequence[Device], base: str, sheet: Sheet, skip: int, copies: int) -> bytes:
    from sluis_provision.papers.labels import Label, label_sheet

    made = [Label(device.label, _lines(device), _address(device, base)) for device in devices]
    return label_sheet(made, sheet, skip=skip, copies=copies)


def _card_pdf(card: Card, code: str, number: str) -> bytes:
    from sluis_provision.papers.card_sheet import card_pdf

    return card_pdf(card.text, language=card.language, code=code, number=number)


def _report_pdf(certificate: Certificate, pictures: Sequence[tuple[bytes, str]], language: str) -> bytes:
    from sluis_provision.papers.report import Picture, Report, report_pdf

    shown = tuple(Picture(data, caption) for data, caption in pictures)
    return report_pdf(Report(certificate, datetime.now().astimezone(), shown), language)


def _lines(device: Device) -> tuple[str, ...]:
    number = f"# {device.asset_number}" if device.asset_number else ""
    lines = (device.area, f"{device.vendor} {device.model}".strip(), number, device.native_id)
    return tuple(line for line in dict.fromkeys(lines) if line)


def _address(device: Device, base: str) -> str:
    """What a label's code says: where to look. The address leads to the page, or to the card of who has no account."""
    return f"{base.rstrip('/')}/d/{quote(device.key, safe='')}"
