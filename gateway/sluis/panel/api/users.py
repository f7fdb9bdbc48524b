"""Users: who may come in, and what they may do."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import StringConstraints

from sluis.model import Role, User
from sluis.panel.api.account_shapes import Areas, Password, RoleWord, UserName, as_set, listed
from sluis.panel.api.guards import CanChangeUsers, CanSeeUsers
from sluis.panel.api.shapes import PLAIN, In, Key, Label, Out
from sluis.panel.auth import HouseDep, everywhere

router = APIRouter(prefix="/api/v1/users", tags=["accounts"])


class UserOut(Out):
    name: str
    role: str
    areas: list[str] | None
    full_name: str
    email: str
    language: str
    disabled: bool
    created_at_us: int
    signed_in_at_us: int | None


class NewUser(In):
    name: UserName
    password: Password
    role: RoleWord
    areas: Areas = None
    full_name: Label = ""
    email: Annotated[str, StringConstraints(max_length=200, pattern=PLAIN)] = ""
    language: Annotated[str, StringConstraints(pattern=r"^(nl|en|)$")] = ""


class UserChange(In):
    """What may be changed of a user; what is left out stays."""

    role: RoleWord | None = None
    areas: Areas = None
    full_name: Label | None = None
    email: Annotated[str, StringConstraints(max_length=200, pattern=PLAIN)] | None = None
    language: Annotated[str, StringConstraints(pattern=r"^(nl|en|)$")] | None = None
    disabled: bool | None = None


class PasswordBody(In):
    password: Password


@router.get("")
async def list_users(house: HouseDep, actor: CanSeeUsers) -> list[UserOut]:
    """All users."""
    everywhere(actor)
    return [user_out(user) for user in await house.door.users()]


@router.post("", status_code=201)
async def add_user(house: HouseDep, actor: CanChangeUsers, body: NewUser) -> UserOut:
    """Add a user."""
    everywhere(actor)
    role = Role[body.role.upper()]
    user = User(body.name, role, as_set(body.areas), body.full_name, body.email, body.language)
    return user_out(await house.door.add_user(user, body.password, actor))


@router.get("/{name}")
async def get_user(house: HouseDep, actor: CanSeeUsers, name: Key) -> UserOut:
    """One user."""
    everywhere(actor)
    return user_out(await house.door.user(name.casefold()))


@router.patch("/{name}")
async def change_user(house: HouseDep, actor: CanChangeUsers, name: Key, body: UserChange) -> UserOut:
    """Change a user's role, areas, name, address or language, or disable them."""
    everywhere(actor)
    changes = body.model_dump(exclude_unset=True)
    wanted = {key: value for key, value in changes.items() if value is not None or key == "areas"}
    if "role" in wanted:
        wanted["role"] = Role[wanted["role"].upper()]
    if "areas" in wanted:
        wanted["areas"] = as_set(wanted["areas"])
    return user_out(await house.door.change_user(name.casefold(), actor, **wanted))


@router.put("/{name}/password", status_code=204)
async def set_user_password(house: HouseDep, actor: CanChangeUsers, name: Key, body: PasswordBody) -> None:
    """Set somebody's password; all their sessions end."""
    everywhere(actor)
    await house.door.set_password(name.casefold(), body.password, actor)


@router.delete("/{name}", status_code=204)
async def remove_user(house: HouseDep, actor: CanChangeUsers, name: Key) -> None:
    """Remove a user. The last admin cannot be removed."""
    everywhere(actor)
    await house.door.remove_user(name.casefold(), actor)


def user_out(user: User) -> UserOut:
    return UserOut(
        name=user.name,
        role=user.role.word,
        areas=listed(user.areas),
        full_name=user.full_name,
        email=user.email,
        language=user.language,
        disabled=user.disabled,
        created_at_us=user.created_at_us,
        signed_in_at_us=user.signed_in_at_us,
    )
