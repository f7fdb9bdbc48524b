"""Add a device that cannot announce itself, and answer what the driver of a device asks."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from sluis.model import Role, SluisError
from sluis.panel.auth import HouseDep, VisitorDep, device_for
from sluis.panel.i18n import N_
from sluis.panel.pages.asks import KNOWN, questions, report_of, setup_of, told, typed_in
from sluis.panel.pages.devices import device_page, holds_in
from sluis.panel.pages.guards import Technician
from sluis.panel.pages.render import page
from sluis.panel.pages.toast import Toast, then
from sluis.panel.ports import House
from sluis.panel.problems import status_of
from sluis.panel.reports import DriverReport, LinkReport

router = APIRouter()

FIELDS = ("link", "address", "name", "area", "asset_number")

ADDRESSES: dict[str, str] = {
    "ble": N_("The address on its label or in its app, such as A4:C1:38:DD:DB:F8."),
    "serial": N_("Its number on the line, such as 3; any word, such as meter, where it is alone on the line."),
    "net": N_("Host and port, such as 192.0.2.7:4352; udp:192.0.2.7:5568 for UDP, ping:192.0.2.7 for a host only."),
    "gpio": N_("The name of the pin, such as GPIO17."),
    "knx": N_("Any word; the group addresses are told below."),
    "cec": N_("Its logical address: 0 for the display, 5 for an audio system."),
    "esphome": N_("Host and port, such as kitchen.local:6053."),
}
"""What an address looks like, by kind of link."""


@router.get("/discovered/add", include_in_schema=False)
async def choose(request: Request, house: HouseDep, actor: Technician, driver: str = "") -> Response:
    """Which driver, and then its form."""
    return await _page(request, house, driver)


@router.post("/discovered/add", include_in_schema=False)
async def add(request: Request, house: HouseDep, actor: Technician) -> Response:
    """Take it into use. What does not fit is said above the form, which keeps all that was typed."""
    form = await request.form(max_files=0)
    typed = {name: str(form.get(name, "")).strip() for name in FIELDS}
    report = report_of(house.system.drivers(), str(form.get("driver", "")))
    if report is None or not report.addable:
        return await _page(request, house, "")
    try:
        holds_in(actor, typed["area"])
        added = await house.register.add(
            report.key,
            typed["link"],
            typed["address"],
            setup=told(report, typed_in(form)),
            name=typed["name"],
            area=typed["area"],
            asset_number=typed["asset_number"],
            actor=actor,
        )
    except SluisError as error:
        return await _page(request, house, report.key, typed, form, error)
    return then(f"/devices/{quote(added.key)}", Toast("adopted", {"name": added.label}))


async def _page(
    request: Request,
    house: House,
    driver: str,
    typed: dict[str, str] | None = None,
    form: FormData | None = None,
    error: SluisError | None = None,
) -> Response:
    reports = [one for one in house.system.drivers() if one.addable and not one.fault]
    chosen = report_of(reports, driver)
    links = _links(house, chosen)
    asked = questions(chosen, {}, typed_in(form) if form is not None else None, error) if chosen else []
    return await page(
        request,
        "add.html",
        section="discovered",
        status=status_of(error) if error else 200,
        drivers=sorted(reports, key=lambda one: (one.vendor.casefold(), one.key)),
        chosen=chosen,
        links=links,
        hints=[ADDRESSES[kind] for kind in sorted({one.kind for one in links}) if kind in ADDRESSES],
        questions=asked,
        typed=typed or dict.fromkeys(FIELDS, ""),
        areas=house.register.areas(),
        error=error,
        known=KNOWN,
    )


def _links(house: House, report: DriverReport | None) -> list[LinkReport]:
    """The links that such a device may be on."""
    return [one for one in house.system.links() if report and one.kind in report.kinds and one.kind != "mdns"]


@router.post("/devices/{key}/setup", include_in_schema=False)
async def configure(key: str, request: Request, house: HouseDep, visitor: VisitorDep, actor: Technician) -> Response:
    """Tell the driver of a device what it asks."""
    found = device_for(house, actor, key, Role.TECHNICIAN)
    report = report_of(house.system.drivers(), found.driver)
    typed = typed_in(await request.form(max_files=0))
    try:
        await house.register.configure(key, told(report, typed) if report else typed, actor)
    except SluisError as error:
        setup = setup_of(house, actor, found, typed, error)
        return await device_page(request, house, visitor, actor, found, setup=setup, status=status_of(error))
    return then(f"/devices/{quote(key)}", Toast("saved", {"name": found.label}))
