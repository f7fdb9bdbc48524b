"""API tokens: keys for programs."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from sluis.model import ApiToken, Role
from sluis.panel.api.account_shapes import Areas, Noun, RoleWord, as_set, listed
from sluis.panel.api.guards import CanChangeTokens, CanSeeTokens
from sluis.panel.api.shapes import In, Micros, Name, Out
from sluis.panel.auth import HouseDep, everywhere

router = APIRouter(prefix="/api/v1/tokens", tags=["accounts"])


class NewToken(In):
    name: Name
    role: RoleWord
    areas: Areas = None
    nouns: list[Noun] = Field(default_factory=lambda: ["*"], min_length=1, max_length=40)
    expires_at_us: Micros | None = None


class TokenOut(Out):
    name: str
    role: str
    areas: list[str] | None
    nouns: list[str]
    created_at_us: int
    created_by: str
    expires_at_us: int | None
    used_at_us: int | None


class MadeToken(TokenOut):
    secret: str = Field(description="Shown this once; the gateway keeps only its hash.", examples=["slu_..."])


@router.get("")
async def list_tokens(house: HouseDep, actor: CanSeeTokens) -> list[TokenOut]:
    """All API tokens, without their secrets."""
    everywhere(actor)
    return [_token_out(token) for token in await house.door.tokens()]


@router.post("", status_code=201)
async def add_token(house: HouseDep, actor: CanChangeTokens, body: NewToken) -> MadeToken:
    """Make a token for a program. Its secret is in this answer and nowhere else."""
    everywhere(actor)
    role = Role[body.role.upper()]
    wish = ApiToken(body.name, role, as_set(body.areas), frozenset(body.nouns), expires_at_us=body.expires_at_us)
    secret, token = await house.door.add_token(wish, actor)
    return MadeToken(**_token_out(token).model_dump(), secret=secret)


@router.delete("/{name}", status_code=204)
async def remove_token(house: HouseDep, actor: CanChangeTokens, name: Name) -> None:
    """Remove a token: it stops working at once."""
    everywhere(actor)
    await house.door.remove_token(name, actor)


def _token_out(token: ApiToken) -> TokenOut:
    return TokenOut(
        name=token.name,
        role=token.role.word,
        areas=listed(token.areas),
        nouns=sorted(token.nouns),
        created_at_us=token.created_at_us,
        created_by=token.created_by,
        expires_at_us=token.expires_at_us,
        used_at_us=token.used_at_us,
    )
