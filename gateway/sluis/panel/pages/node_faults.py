"""What runs on a node and how its updates fare; and the faults for which updates went back, over all nodes."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response

from sluis.model import Device
from sluis.model.nodes import CrashPage
from sluis.panel.api.node_pages import pages_of
from sluis.panel.auth import HouseDep, everywhere
from sluis.panel.i18n import N_, Tongue
from sluis.panel.pages.guards import NodeKeeper
from sluis.panel.pages.render import page
from sluis.panel.ports import House

router = APIRouter()

PHASES = {
    "none": N_("no update is under way"),
    "checking": N_("an update is checked"),
    "fetching": N_("an update is fetched"),
    "waiting": N_("an update waits for a good moment"),
    "switching": N_("it switches to the update"),
    "trial": N_("the update is on trial"),
    "failed": N_("the update failed"),
}
"""By the word with which the point `update` of a node begins (firmware, `carrier.py`)."""


@dataclass(frozen=True, slots=True)
class FirmwareView:
    """What runs on a node, ready to draw."""

    version: str
    release: str
    slot: str
    phase: str
    """What its update does now, in the reader's language; "" when the node does not say."""
    more: str
    """The node's own words about that: how far, or why not."""
    page: CrashPage | None = None
    others: int = 0
    """Other nodes with the same fault."""

    @property
    def fault(self) -> str:
        """What the page comes down to."""
        return said_last(self.page) if self.page else ""


@dataclass(frozen=True, slots=True)
class FaultView:
    """One fault, and who has it."""

    page: CrashPage
    nodes: tuple[tuple[str, str], ...]
    """Name and address of each."""

    @property
    def last(self) -> str:
        return said_last(self.page)


def said_last(told: CrashPage) -> str:
    """The last line that a given-up version left behind."""
    lines = [one for one in (*told.lines, *told.traceback.splitlines()) if one.strip()]
    return lines[-1].strip()[:200] if lines else told.reset_cause


def firmware_of(house: House, device: Device, speech: Tongue) -> FirmwareView:
    """From what the node told last."""
    reported = house.register.twin(device.key).reported
    told = {key: reported[key].value for key in ("release", "slot", "update") if key in reported}
    word, _, more = str(told.get("update", "")).partition(":")
    known = word.split(" ")[0]
    held = house.node_pages.of(device.native_id) if house.node_pages is not None else None
    alike = next((len(them) for them in _groups(house) if held in them), 0)
    return FirmwareView(
        device.firmware,
        f"{told['release']:g}" if isinstance(told.get("release"), int | float) and told["release"] else "",
        str(told.get("slot", "")),
        speech(PHASES[known]) if known in PHASES else word,
        (word.partition(" ")[2] + more).strip(),
        held,
        max(0, alike - 1),
    )


def _groups(house: House) -> list[list[CrashPage]]:
    return [list(them) for them in house.node_pages.groups()] if house.node_pages is not None else []


@router.get("/nodes/faults", include_in_schema=False)
async def faults(request: Request, house: HouseDep, actor: NodeKeeper) -> Response:
    """All pages that nodes keep, by their fault."""
    everywhere(actor)
    groups = pages_of(house).groups()
    shown = [FaultView(them[0], tuple(_named(house, one.node) for one in them)) for them in groups]
    return await page(request, "node-faults.html", section="system", faults=shown)


def _named(house: House, node_id: str) -> tuple[str, str]:
    device = house.nodes.device(node_id) if house.nodes is not None else None
    return (device.label, f"/devices/{quote(device.key, safe='')}") if device else (node_id, "")
