"""The technician's wizard: pick boards, pick what goes on them, flash, test, place, label.

The page shows how the bench stands, and the bench keeps that: so a page that is loaded again, on this phone or another,
is where the work is, and a pulled cable or a restarted gateway shows as what it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from sluis.model import Actor, Device, DeviceState, SluisError
from sluis.model.nodes import Node, NodeState
from sluis.panel.api.bench import bench_of
from sluis.panel.auth import HouseDep, everywhere
from sluis.panel.bench import KEEP, OURS, BoardReport, RunReport, Wish
from sluis.panel.i18n import N_
from sluis.panel.pages.devices import Text
from sluis.panel.pages.guards import NodeKeeper
from sluis.panel.pages.render import page, part, speech_of
from sluis.panel.pages.toast import Toast, then
from sluis.panel.ports import House

router = APIRouter()

Ports = Annotated[list[str], Form(max_length=64)]
Secret = Annotated[str, Form(max_length=64)]
Box = Annotated[bool, Form()]
EMPTY: list[str] = []
"""FastAPI copies a default before it hands it in."""

STEPS = {
    "seen": N_("is looked for"),
    "probed": N_("said what it is"),
    "approved": N_("may be written"),
    "writing": N_("is written"),
    "verified": N_("was read back"),
    "booted": N_("runs; gets its key and its test"),
    "tested": N_("passed its test"),
    "identified": N_("was identified"),
    "labelled": N_("was labelled"),
    "done": N_("done"),
    "failed": N_("failed"),
}

ADVICE = {
    "provision.port": N_("Plug the board in, and close other programs that use its port."),
    "provision.no-answer": N_("Check the cable (some only charge). Hold BOOT or BOOTSEL while plugging in."),
    "provision.unplugged": N_("Plug it in again and press Again: what was read back is not written again."),
    "provision.wrong-chip": N_("This board has another chip. Choose the profile that belongs to it."),
    "provision.wrong-image": N_("Choose another image, or import the one for this chip."),
    "provision.image-missing": N_("Import the image first, from a USB stick: sluis bundle import FOLDER"),
    "provision.too-large": N_("Use a board with more flash, or a smaller image."),
    "provision.full": N_("Its file system is full. Tick Erase everything, and press Again."),
    "provision.not-verified": N_("Press Again. If the same happens, its flash is worn: use another board."),
    "provision.not-started": N_("It does not start. Tick Erase everything, and press Again."),
    "provision.no-repl": N_("Press its RESET and then Again at once, or erase everything."),
    "provision.same-id": N_("Two boards say the same number. Write them one at a time."),
    "provision.stopped": N_("Press Again: what the board confirmed is not written again."),
    "provision.not-proven": N_("Correct what stands below, and test it again. It need not be flashed again."),
}
"""What a person does now, by the code of what went wrong. The engine's own sentence stands below it, in English."""


@dataclass(frozen=True, slots=True)
class BoardView:
    """One board, ready to draw."""

    board: BoardReport
    node: Node | None = None
    device: Device | None = None
    faults: tuple[dict[str, Any], ...] = field(default=())
    """Lines of its test that failed."""

    @property
    def word(self) -> str:
        return STEPS.get(self.board.step, self.board.step)

    @property
    def advice(self) -> str:
        return ADVICE.get(self.board.code, "")

    @property
    def failed(self) -> bool:
        return self.board.step == "failed" and not self.proven

    @property
    def mark(self) -> str:
        if self.failed:
            return "alarm"
        return "ok" if self.board.step in ("done", "failed") else "wait"

    @property
    def proven(self) -> bool:
        return self.node is not None and self.node.state is NodeState.PROVEN

    @property
    def placed(self) -> bool:
        return self.device is not None and self.device.state is DeviceState.ADOPTED


@router.get("/bench", include_in_schema=False)
async def bench(request: Request, house: HouseDep, actor: NodeKeeper, live: bool = False) -> Response:
    """Where the tray stands."""
    everywhere(actor)
    held = bench_of(house)
    run = held.latest()
    if live:
        if run is None or not run.running:
            return Response(status_code=200, headers={"HX-Refresh": "true"})
        return part(request, "parts/bench.html", **await _drawn(house, run))
    if run is not None:
        more = await _drawn(house, run)
        return await page(request, "bench.html", section="bench", language=speech_of(request).language, **more)
    return await _picking(request, house)


async def _picking(
    request: Request, house: House, error: SluisError | None = None, wish: Wish | None = None
) -> Response:
    held = bench_of(house)
    return await page(
        request,
        "bench-pick.html",
        status=409 if error else 200,
        section="bench",
        step=0,
        sockets=await held.sockets(),
        choices=await held.choices(),
        networks=await house.nodes.networks.names() if house.nodes is not None else None,
        wish=wish or Wish((), ""),
        error=error,
        advice=ADVICE,
        keep=KEEP,
        ours=OURS,
    )


async def _drawn(house: House, run: RunReport) -> dict[str, Any]:
    boards = [await _view(house, one) for one in run.boards]
    return {
        "run": run,
        "boards": boards,
        "step": _step(run, boards),
        "done": sum(one.board.step in ("done", "failed") for one in boards),
        "failed": [one for one in boards if one.failed],
        "placed": [one for one in boards if one.placed],
        "areas": house.register.areas(),
    }


def _step(run: RunReport, boards: list[BoardView]) -> int:
    """Which of the five steps the tray is at."""
    if run.running:
        return 1
    if any(one.node is not None and not one.proven for one in boards):
        return 2
    if any(one.proven and not one.placed for one in boards):
        return 3
    return 4 if any(one.placed for one in boards) else 1


async def _view(house: House, board: BoardReport) -> BoardView:
    if house.nodes is None or not board.id:
        return BoardView(board)
    try:
        node = await house.nodes.node(board.id)
    except SluisError:
        return BoardView(board)
    faults = tuple(dict(one) for one in node.tests if not one.get("ok"))
    return BoardView(board, node, house.nodes.device(board.id), faults)


# -- going on ---------------------------------------------------------------------------------------------


@router.post("/bench/look", include_in_schema=False)
async def look(
    request: Request, house: HouseDep, actor: NodeKeeper, ports: Ports = EMPTY, other: Text = "", profile: Text = ""
) -> Response:
    """Ask the boards what they are."""
    everywhere(actor)
    chosen = _ports(ports, other)
    family = next((one.family for one in (await bench_of(house).choices()).profiles if one.key == profile), "")
    try:
        if chosen:
            await bench_of(house).look(chosen, family)
    except SluisError as error:
        return then("/bench", Toast("refused", {"why": str(error)}))
    return await _picking(request, house, wish=Wish(chosen, profile))


@router.post("/bench", include_in_schema=False)
async def begin(
    request: Request,
    house: HouseDep,
    actor: NodeKeeper,
    ports: Ports = EMPTY,
    other: Text = "",
    profile: Text = "",
    image: Text = "",
    firmware: Text = "",
    erase: Box = False,
    key: Box = False,
    again: Box = False,
) -> Response:
    """Write the ticked boards."""
    everywhere(actor)
    wish = Wish(_ports(ports, other), profile, image, firmware, erase, key, again)
    try:
        await bench_of(house).begin(wish, actor)
    except SluisError as error:
        if bench_of(house).latest() is not None:
            return then("/bench", Toast("refused", {"why": str(error)}))
        return await _picking(request, house, error, wish)
    return then("/bench")


def _ports(ports: list[str], other: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*ports, *other.split()]))


@router.post("/bench/again", include_in_schema=False)
async def again(house: HouseDep, actor: NodeKeeper, ports: Ports = EMPTY, erase: Box = False) -> Response:
    """The same once more for some boards of the run."""
    everywhere(actor)
    run = bench_of(house).latest()
    if run is None:
        return then("/bench")
    wish = replace(run.wish, ports=tuple(ports), erase=erase)
    return await _done(bench_of(house).begin(wish, actor))


@router.post("/bench/stop", include_in_schema=False)
async def stop(house: HouseDep, actor: NodeKeeper) -> Response:
    everywhere(actor)
    return await _done(bench_of(house).stop(actor))


@router.post("/bench/away", include_in_schema=False)
async def away(house: HouseDep, actor: NodeKeeper) -> Response:
    """The next tray."""
    everywhere(actor)
    return await _done(bench_of(house).put_away(actor))


@router.post("/bench/test", include_in_schema=False)
async def test(house: HouseDep, actor: NodeKeeper, node: Text) -> Response:
    """The factory test once more."""
    return await _asked(house, actor, node, "test")


@router.post("/bench/identify", include_in_schema=False)
async def identify(house: HouseDep, actor: NodeKeeper, node: Text) -> Response:
    """Which one is it? It blinks."""
    return await _asked(house, actor, node, "identify")


async def _asked(house: House, actor: Actor, node: str, what: str) -> Response:
    everywhere(actor)
    if house.nodes is None:
        return then("/bench")
    return await _done(house.nodes.test(node, actor) if what == "test" else house.nodes.identify(node, actor))


@router.post("/bench/place", include_in_schema=False)
async def place(
    house: HouseDep, actor: NodeKeeper, node: Text, name: Text = "", area: Text = "", asset_number: Text = ""
) -> Response:
    """Its name and area."""
    everywhere(actor)
    label = name.strip() or node
    made = bench_of(house).place(node, actor, name=label, area=area.strip(), asset_number=asset_number.strip())
    return await _done(made, Toast("adopted", {"name": label}))


@router.post("/bench/networks", include_in_schema=False)
async def add_network(house: HouseDep, actor: NodeKeeper, ssid: Text = "", password: Secret = "") -> Response:
    """A Wi-Fi network that nodes are told."""
    everywhere(actor)
    if house.nodes is None or not ssid.strip():
        return then("/bench")
    return await _done(house.nodes.networks.save(ssid.strip(), password, actor), Toast("saved", {"name": ssid.strip()}))


async def _done(what: Any, toast: Toast | None = None) -> Response:
    """Back to the tray, with what came of it."""
    try:
        await what
    except SluisError as error:
        why = f"{error}. {error.hint}" if error.hint else str(error)
        return then("/bench", Toast("refused", {"why": why[:400]}))
    return then("/bench", toast)
