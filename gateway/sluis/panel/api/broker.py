"""Accounts at the gateway's own broker: a device needs one before it can say anything."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from sluis.panel.api.guards import CanGiveAccounts, CanSeeAccounts
from sluis.panel.api.shapes import In, Name, Out
from sluis.panel.auth import HouseDep, everywhere
from sluis.panel.errors import BrokerElsewhere
from sluis.panel.ports import BrokerAccounts, House

router = APIRouter(prefix="/api/v1/broker/accounts", tags=["system"])


class NewAccount(In):
    driver: Name = Field(max_length=80, description="Key of the device's driver, e.g. `tasmota`.", examples=["tasmota"])
    native_id: Name = Field(
        description="The device's identity in its own protocol: its topics follow from it.",
        examples=["D8BFC04F3A2B"],
    )
    topic: str = Field(
        default="",
        max_length=120,
        description="The name the device has in its topics, where that is not its identity (Tasmota's Topic).",
        examples=["tasmota_4F3A2B"],
    )


class AccountOut(Out):
    username: str
    device: str
    driver: str
    native_id: str
    topics: list[str] = Field(description="`>` publish there, `<` subscribe, neither: both.")


class MadeAccount(AccountOut):
    password: str = Field(description="Shown this once; the gateway keeps only its hash.")
    host: str = Field(description="Name the device connects to.")
    port: int = Field(description="TLS port; 0 when the broker has none.")


@router.get("")
async def list_broker_accounts(house: HouseDep, actor: CanSeeAccounts) -> list[AccountOut]:
    """Who may connect to the broker, and which topics each may touch."""
    everywhere(actor)
    return [AccountOut.model_validate(one) for one in _accounts(house).accounts()]


@router.post("", status_code=201)
async def issue_broker_account(house: HouseDep, actor: CanGiveAccounts, wish: NewAccount) -> MadeAccount:
    """Make (or renew) a device's account. Its password is in this answer and nowhere else."""
    everywhere(actor)
    made = await _accounts(house).issue(wish.driver, wish.native_id, actor, wish.topic)
    return MadeAccount.model_validate(made)


@router.delete("/{username}", status_code=204)
async def revoke_broker_account(house: HouseDep, actor: CanGiveAccounts, username: Name) -> None:
    """Remove an account: its device is disconnected and stays out."""
    everywhere(actor)
    await _accounts(house).revoke(username, actor)


def _accounts(house: House) -> BrokerAccounts:
    if house.broker is None:
        raise BrokerElsewhere
    return house.broker
