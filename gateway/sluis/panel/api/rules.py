"""Rules as data: read, write, remove; every change makes a version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Response
from pydantic import Field

from sluis.model import NotFound, SluisError
from sluis.panel.api.guards import CanChangeRules, CanSeeRules
from sluis.panel.api.shapes import Key, Out, etag, must_match
from sluis.panel.auth import HouseDep, everywhere
from sluis.panel.errors import Invalid
from sluis.panel.ports import House

router = APIRouter(prefix="/api/v1/rules", tags=["rules"])

IfMatch = Annotated[str | None, Header(max_length=200, description="The ETag of the version that is edited.")]
RuleBody = Annotated[
    dict[str, Any],
    Body(
        description="As a table in rules.toml.", examples=[{"on": {"quantity": "temperature"}, "when": {"above": 30}}]
    ),
]


class RuleOut(Out):
    """A rule as it is now."""

    name: str
    version: str
    origin: str = Field(description="`built-in` or `file`.", examples=["file"])
    body: dict[str, Any] = Field(description="As a table in rules.toml.")


@router.get("")
async def list_rules(house: HouseDep, actor: CanSeeRules) -> list[RuleOut]:
    """All rules by name."""
    return [_out(rule) for rule in house.rules.rules()]


@router.get("/{rule}")
async def get_rule(house: HouseDep, actor: CanSeeRules, rule: Key, response: Response) -> RuleOut:
    """One rule."""
    found = _rule(house, rule)
    response.headers["ETag"] = etag(found.version)
    return found


@router.get("/{rule}/versions")
async def list_rule_versions(house: HouseDep, actor: CanSeeRules, rule: Key) -> list[dict[str, Any]]:
    """Every version of a rule, newest first, with who made it and when."""
    return [dict(one) for one in await house.rules.versions(rule)]


@router.put("/{rule}")
async def save_rule(
    house: HouseDep, actor: CanChangeRules, rule: Key, body: RuleBody, response: Response, if_match: IfMatch = None
) -> RuleOut:
    """Make a rule, or a new version of it. A rule that cannot be is refused with the key that is wrong."""
    everywhere(actor)
    held = house.rules.rule(rule)
    must_match(if_match, etag(_out(held).version) if held else "")
    try:
        saved = _out(await house.rules.save(rule, body, actor))
    except (SluisError, RecursionError) as error:
        if isinstance(error, SluisError):
            raise
        raise Invalid("the rule is nested too deeply") from error
    response.headers["ETag"] = etag(saved.version)
    return saved


@router.delete("/{rule}", status_code=204)
async def remove_rule(house: HouseDep, actor: CanChangeRules, rule: Key, if_match: IfMatch = None) -> None:
    """Remove a rule. Its open alerts close."""
    everywhere(actor)
    must_match(if_match, etag(_rule(house, rule).version))
    await house.rules.remove(rule, actor)


def _rule(house: House, name: str) -> RuleOut:
    held = house.rules.rule(name)
    if held is None:
        raise NotFound(f"there is no rule {name!r}")
    return _out(held)


def _out(rule: Mapping[str, Any]) -> RuleOut:
    body = {key: value for key, value in rule.items() if key not in ("name", "version", "origin")}
    return RuleOut(name=rule["name"], version=rule["version"], origin=rule["origin"], body=body)
