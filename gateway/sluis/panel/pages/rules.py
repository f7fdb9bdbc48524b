"""Rules: what is watched, and changing that with a form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from sluis.model import NotFound, SluisError
from sluis.panel.auth import HouseDep, everywhere
from sluis.panel.errors import Invalid
from sluis.panel.i18n import N_, Tongue
from sluis.panel.pages.guards import RuleReader, RuleWriter
from sluis.panel.pages.render import page, speech_of
from sluis.panel.pages.toast import Toast, then
from sluis.panel.pages.words import QUANTITIES, SEVERITIES
from sluis.panel.ports import House
from sluis.panel.problems import status_of

router = APIRouter()

Row = Mapping[str, Any]

CONDITIONS: dict[str, tuple[str, str]] = {
    "above": (N_("is above"), "number"),
    "below": (N_("is below"), "number"),
    "equals": (N_("is"), "text"),
    "absent_s": (N_("gives no good reading for (s)"), "number"),
    "rises": (N_("rises by more than"), "number"),
    "falls": (N_("falls by more than"), "number"),
    "changes": (N_("changes by more than"), "number"),
    "stuck_s": (N_("does not change for (s)"), "number"),
    "quality": (N_("has a quality of or under"), "quality"),
    "reach": (N_("is a device that is"), "reach"),
    "happens": (N_("this happens"), "happens"),
}
"""Word of the condition in the file: what people read, and what its value is."""

FACTS: dict[str, str] = {
    "offline": N_("cannot be reached"),
    "unheard": N_("has not been heard"),
    "not-back": N_("is not back after an outage"),
    "disagreement": N_("does not do what it was told"),
    "not-effective": N_("was commanded without effect"),
    "flood": N_("sends far too much"),
    "driver-fault": N_("makes its driver fail"),
    "link-down": N_("a link is down"),
    "disk-full": N_("the disk is full"),
    "clock-distrusted": N_("the clock cannot be believed"),
    "rules-broken": N_("the rules file has an error"),
    "notify-failing": N_("messages cannot be delivered"),
    "part-failing": N_("a part of the gateway fails"),
}
"""The conditions that have no number, in words."""

ABOUT_A_DEVICE = ("offline", "unheard", "not-back", "flood", "driver-fault")
ABOUT_A_POINT = ("disagreement", "not-effective")

HOUSE_ONLY = ("happens", "reach")
"""Conditions of the built-in rules: their forms are not made anew by hand, only switched, dated and ranked."""


@router.get("/rules", include_in_schema=False)
async def rules(request: Request, house: HouseDep, actor: RuleReader) -> Response:
    """Every rule in a sentence."""
    speech = speech_of(request)
    rows = [(rule, _sentence(rule, speech), _title(rule, speech)) for rule in house.rules.rules()]
    open_by: dict[str, int] = {}
    for alert in await house.alerts.open():
        open_by[alert.rule] = open_by.get(alert.rule, 0) + 1
    own = [row for row in rows if not _is_builtin(row[0])]
    built_in = [row for row in rows if _is_builtin(row[0])]
    return await page(
        request, "rules.html", section="rules", own=own, built_in=built_in, open_by=open_by, severities=SEVERITIES
    )


def _is_builtin(rule: Row) -> bool:
    """Whether nobody wrote this rule here: the gateway came with it."""
    return rule.get("origin") == "built-in" or any(word in rule.get("when", {}) for word in HOUSE_ONLY)


def _title(rule: Row, speech: Tongue) -> str:
    title = rule.get("title") or {}
    if isinstance(title, str):
        return title
    return str(title.get(speech.language) or next(iter(title.values()), "")) or str(rule["name"])


def _sentence(body: Row, speech: Tongue) -> str:
    """A rule in words."""
    on, when = body.get("on", {}), body.get("when", {})
    word = next((one for one in CONDITIONS if one in when), "")
    quantity = str(on.get("quantity", ""))
    if word in HOUSE_ONLY and str(when[word]) in FACTS:
        return _fact(str(when[word]), body, speech)
    what = speech(QUANTITIES[quantity]) if quantity in QUANTITIES else quantity or str(on.get("point", ""))
    where = str(on.get("area") or on.get("device") or speech("everywhere"))
    condition = f"{speech(CONDITIONS[word][0])} {_value(when[word], speech)}" if word else "?"
    text = f"{what or speech('a device or the gateway')} ({where}) {condition}"
    if when.get("within_s"):
        text += " " + speech("within %(span)s", span=speech.span(float(when["within_s"])))
    if body.get("for_s"):
        text += ", " + speech("for at least %(span)s", span=speech.span(float(body["for_s"])))
    return text


def _fact(fact: str, body: Row, speech: Tongue) -> str:
    """A rule about something that is so or not."""
    said = speech(FACTS[fact])
    if fact in ABOUT_A_DEVICE:
        said = f"{speech(N_('A device'))} {said}"
    elif fact in ABOUT_A_POINT:
        said = f"{speech(N_('A point'))} {said}"
    else:
        said = said[:1].upper() + said[1:]
    if body.get("for_s"):
        said += ", " + speech("for at least %(span)s", span=speech.span(float(body["for_s"])))
    return said


def _value(value: object, speech: Tongue) -> str:
    if isinstance(value, bool):
        return speech("on") if value else speech("off")
    return f"{value:g}" if isinstance(value, int | float) else str(value)


@router.get("/rules/new", include_in_schema=False)
async def new(
    request: Request, house: HouseDep, actor: RuleWriter, device: str = "", point: str = "", quantity: str = ""
) -> Response:
    """An empty form, or one about a point."""
    body: Row = {"on": {"device": device, "point": point, "quantity": quantity}, "when": {"above": ""}}
    return await page(request, "rule.html", section="rules", **_form(house, "", body, speech_of(request)))


@router.get("/rules/{name}", include_in_schema=False)
async def rule(name: str, request: Request, house: HouseDep, actor: RuleReader) -> Response:
    """One rule with its versions."""
    held = house.rules.rule(name)
    if held is None:
        raise NotFound(f"there is no rule {name!r}")
    more = _form(house, name, held, speech_of(request))
    more["versions"] = await house.rules.versions(name)
    return await page(request, "rule.html", section="rules", **more)


def _form(house: House, name: str, body: Row, speech: Tongue) -> dict[str, Any]:
    when = body.get("when", {})
    word = next((one for one in CONDITIONS if one in when), "above")
    title = body.get("title") or {}
    return {
        "name": name,
        "body": body,
        "word": word,
        "wanted": when.get(word, ""),
        "title": dict.fromkeys(("nl", "en"), title) if isinstance(title, str) else title,
        "fixed": word in HOUSE_ONLY,
        "conditions": CONDITIONS,
        "severities": SEVERITIES,
        "areas": house.register.areas(),
        "quantities": QUANTITIES,
        "sentence": _sentence(body, speech) if name else "",
        "versions": [],
        "error": None,
    }


@router.post("/rules", include_in_schema=False)
async def save(request: Request, house: HouseDep, actor: RuleWriter) -> Response:
    """Make or change a rule; what is wrong is said above the form, which keeps what was typed."""
    everywhere(actor)
    sent = await request.form()
    fields = {key: str(value).strip()[:2_000] for key, value in sent.items() if isinstance(value, str)}
    name = fields.get("name", "")
    held = house.rules.rule(name) if name else None
    body: dict[str, Any] = {}
    try:
        body = body_from(fields, held or {})
        name = name or _name_for(fields, house)
        await house.rules.save(name, body, actor)
    except SluisError as error:
        typed = body or {"on": {}, "when": {fields.get("condition", "above"): fields.get("value", "")}}
        more = _form(house, fields.get("name", ""), typed, speech_of(request)) | {"error": error}
        return await page(request, "rule.html", section="rules", status=status_of(error), **more)
    return then("/rules", Toast("saved", {"name": name}))


def body_from(fields: Mapping[str, str], held: Row) -> dict[str, Any]:
    """The rule a form says, as in `rules.toml`. Keys the form does not have stay as they were."""
    body: dict[str, Any] = {key: held[key] for key in ("card",) if key in held}
    title = {language: fields[f"title_{language}"] for language in ("nl", "en") if fields.get(f"title_{language}")}
    on = {key: fields[key] for key in ("area", "device", "point", "quantity", "driver") if fields.get(key)}
    if title:
        body["title"] = title
    if on:
        body["on"] = on
    body["when"] = held.get("when", {}) if fields.get("fixed") else _when(fields)
    if fields.get("for_s"):
        body["for_s"] = _number(fields["for_s"])
    for key in ("severity", "owner"):
        if fields.get(key):
            body[key] = fields[key]
    if not fields.get("enabled"):
        body["enabled"] = False
    return body


def _when(fields: Mapping[str, str]) -> dict[str, Any]:
    word = fields.get("condition", "")
    if word not in CONDITIONS:
        raise Invalid("choose a condition")
    kind, value = CONDITIONS[word][1], fields.get("value", "")
    when: dict[str, Any] = {word: _number(value) if kind == "number" else _plain(value)}
    if word in ("above", "below") and fields.get("clear"):
        when["clear"] = _number(fields["clear"])
    if word in ("rises", "falls", "changes"):
        when["within_s"] = _number(fields.get("within_s", "") or "600")
    return when


def _plain(text: str) -> bool | float | str:
    """true, false, a number, or text."""
    if text.casefold() in ("true", "on", "aan", "false", "off", "uit"):
        return text.casefold() in ("true", "on", "aan")
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else text


def _number(text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise Invalid(f"{text!r} is not a number") from None


def _name_for(fields: Mapping[str, str], house: House) -> str:
    """A free name from the title."""
    title = fields.get("title_nl") or fields.get("title_en") or "rule"
    base = re.sub(r"[^a-z0-9]+", "-", title.casefold()).strip("-")[:50] or "rule"
    name, number = base, 2
    while house.rules.rule(name) is not None:
        name, number = f"{base}-{number}", number + 1
    return name


@router.post("/rules/{name}/remove", include_in_schema=False)
async def remove(name: str, house: HouseDep, actor: RuleWriter) -> Response:
    """Its open alerts close. Undo writes it again."""
    everywhere(actor)
    if house.rules.rule(name) is None:
        raise NotFound(f"there is no rule {name!r}")
    await house.rules.remove(name, actor)
    return then("/rules", Toast("removed", {"name": name}, f"/undo/rule/{quote(name)}"))


@router.post("/undo/rule/{name}", include_in_schema=False)
async def undo_remove(
    name: str, house: HouseDep, actor: RuleWriter, back: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """The newest version that was not a removal, again."""
    everywhere(actor)
    bodies = [one["body"] for one in await house.rules.versions(name) if one.get("body")]
    if not bodies:
        raise NotFound(f"there is no earlier version of {name!r}")
    await house.rules.save(name, bodies[0], actor)
    return then(f"/rules/{quote(name)}", Toast("undone"))
