"""Commands: submit, follow, look back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from sluis.model import NotFound, Receipt, Role
from sluis.panel.api.guards import CanCommand, CanSeeCommands
from sluis.panel.api.shapes import Cursor, In, Key, Label, Limit, Out, Page, PlainValue, Sentence, pack, unpack
from sluis.panel.auth import HouseDep, device_for, sees_key

PAGES_LOOKED_AT = 20
"""Pages of history looked through for one answer to somebody with rights in few areas: bounds the work, not the
list (the cursor goes on where it stopped)."""

router = APIRouter(prefix="/api/v1", tags=["commands"])


class CommandIn(In):
    """A wish that a point take a value. `value` is left out (null) for a trigger."""

    device: Key = Field(examples=["tasmota-dvd-1"])
    point: Label = Field(min_length=1, examples=["power"])
    value: PlainValue | None = Field(default=None, examples=[True])
    deadline_s: float | None = Field(
        default=None, gt=0, le=300, description="Seconds the device has; without it, what its point states, else 5."
    )
    reason: Sentence = ""
    wait: bool = Field(default=False, description="Answer when the outcome is known instead of at once.")


class StageOut(Out):
    stage: str
    at_us: int


class ReceiptOut(Out):
    """How far a command is."""

    id: str
    device: str
    point: str
    value: bool | int | float | str | None
    actor: str
    origin: str
    reason: str
    cause: str
    stage: str
    final: bool
    at_us: int
    detail: str
    code: str
    history: list[StageOut]


@router.post("/commands", status_code=202, responses={200: {"model": ReceiptOut, "description": "The outcome (wait)"}})
async def submit_command(house: HouseDep, actor: CanCommand, wish: CommandIn, response: Response) -> ReceiptOut:
    """Ask a device to do something. 202 with a receipt; with `wait`, 200 with the outcome."""
    device_for(house, actor, wish.device, Role.OPERATOR)
    receipt = await house.control.submit(
        wish.device, wish.point, wish.value, actor, deadline_s=wish.deadline_s, reason=wish.reason
    )
    response.headers["Location"] = f"/api/v1/commands/{receipt.command.id}"
    if wish.wait:
        receipt = await house.control.outcome(receipt.command.id)
        response.status_code = 200
    return receipt_out(receipt)


@router.get("/commands")
async def list_commands(
    house: HouseDep,
    actor: CanSeeCommands,
    device: Annotated[str, Query(max_length=120)] = "",
    point: Annotated[str, Query(max_length=120)] = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[ReceiptOut]:
    """Commands to devices you may see, newest first."""
    after = unpack(cursor, str)
    before: str = after[0] if after else ""
    items: list[ReceiptOut] = []
    for _ in range(PAGES_LOOKED_AT):
        rows = await house.control.commands(device=device, point=point, limit=limit, before=before)
        for row in rows:
            before = row.command.id
            if sees_key(house, actor, row.command.device):
                items.append(receipt_out(row))
            if len(items) == limit:
                return Page(items=items, next=pack(before))
        if len(rows) < limit:
            return Page(items=items)
    return Page(items=items, next=pack(before))


@router.get("/commands/{command}")
async def get_command(house: HouseDep, actor: CanSeeCommands, command: Key) -> ReceiptOut:
    """One command's receipt."""
    receipt = await house.control.command(command)
    if not sees_key(house, actor, receipt.command.device):
        raise NotFound(f"there is no command {command!r}")
    return receipt_out(receipt)


def receipt_out(receipt: Receipt) -> ReceiptOut:
    command = receipt.command
    return ReceiptOut(
        id=command.id,
        device=command.device,
        point=command.point,
        value=command.value,
        actor=command.actor.label,
        origin=command.actor.origin,
        reason=command.reason,
        cause=command.cause,
        stage=receipt.stage.value,
        final=receipt.stage.final,
        at_us=receipt.at_us,
        detail=receipt.detail,
        code=receipt.code,
        history=[StageOut(stage=stage, at_us=at_us) for stage, at_us in receipt.history],
    )
