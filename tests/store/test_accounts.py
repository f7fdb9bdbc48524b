"""Accounts as rows: unique names, an admin always left, sessions that go with their user."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sluis.model import AlreadyThere, ApiToken, LastAdmin, NotFound, Role, Session, User
from sluis.store.accounts import FAILURES_KEPT, KEEP_FAILURES_US, SESSIONS_PER_USER, Accounts
from sluis.store.database import Database

ANNA = User("anna", Role.ADMIN, None, "Anna de Vries", created_at_us=5)
BERT = User("bert", Role.OPERATOR, frozenset({"Kantine", "Hal"}), language="nl", created_at_us=6)


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    database = Database(tmp_path / "sluis.db")
    database.start()
    yield Accounts(database)
    database.close()


def a_session(user: str, at_us: int = 100, number: int = 0) -> Session:
    return Session(0, user, at_us, at_us + number, at_us + 1_000_000, "192.0.2.1", "Firefox")


async def test_a_user_comes_back_as_written(accounts: Accounts) -> None:
    await accounts.add_user(ANNA, "hash-a")
    await accounts.add_user(BERT, "hash-b")
    assert await accounts.users() == [ANNA, BERT]
    assert await accounts.credential("bert") == (BERT, "hash-b")
    assert await accounts.credential("carla") is None


async def test_a_name_is_taken_once(accounts: Accounts) -> None:
    await accounts.add_user(ANNA, "x")
    with pytest.raises(AlreadyThere, match="anna"):
        await accounts.add_user(ANNA, "y")
    await accounts.add_token(b"1", ApiToken("t", Role.VIEWER))
    with pytest.raises(AlreadyThere, match="'t'"):
        await accounts.add_token(b"2", ApiToken("t", Role.VIEWER))


@pytest.mark.parametrize(
    "less", [{"role": Role.TECHNICIAN}, {"disabled": True}, {"areas": frozenset({"Hal"})}], ids=["role", "off", "areas"]
)
async def test_the_last_admin_stays(accounts: Accounts, less: dict[str, object]) -> None:
    await accounts.add_user(ANNA, "x")
    await accounts.add_user(BERT, "x")
    with pytest.raises(LastAdmin):
        await accounts.change_user(replace(ANNA, **less))  # type: ignore[arg-type]
    with pytest.raises(LastAdmin):
        await accounts.remove_user("anna")
    assert await accounts.users() == [ANNA, BERT]
    await accounts.change_user(replace(BERT, role=Role.ADMIN, areas=None))
    await accounts.remove_user("anna")


async def test_what_is_not_there_is_said_so(accounts: Accounts) -> None:
    await accounts.add_user(ANNA, "x")
    with pytest.raises(NotFound):
        await accounts.change_user(BERT)
    with pytest.raises(NotFound):
        await accounts.remove_user("bert")
    with pytest.raises(NotFound):
        await accounts.set_password("bert", "x")
    with pytest.raises(NotFound):
        await accounts.remove_token("nothing")
    with pytest.raises(NotFound):
        await accounts.add_session(b"d", a_session("bert"))


async def test_sessions_end_one_by_one_all_but_one_and_with_their_user(accounts: Accounts) -> None:
    await accounts.add_user(ANNA, "x")
    await accounts.add_user(BERT, "x")
    made = [await accounts.add_session(bytes([n]), a_session("bert", number=n)) for n in range(4)]
    assert await accounts.session(b"\x02") == (made[2], BERT)
    await accounts.touch_session(made[0].id, 999)
    assert [one.id for one in await accounts.sessions("bert")] == [made[0].id, made[3].id, made[2].id, made[1].id]
    await accounts.end_session(made[1].id)
    await accounts.end_sessions("bert", but=made[2].id)
    assert await accounts.sessions() == [made[2]]
    await accounts.remove_user("bert")
    assert await accounts.session(b"\x02") is None


async def test_sessions_of_one_user_are_bounded_and_ended_ones_go(accounts: Accounts) -> None:
    await accounts.add_user(ANNA, "x")
    for number in range(SESSIONS_PER_USER + 3):
        await accounts.add_session(number.to_bytes(2, "big"), a_session("anna", number=number))
    assert len(await accounts.sessions()) == SESSIONS_PER_USER
    assert await accounts.session((0).to_bytes(2, "big")) is None
    await accounts.add_session(b"new", a_session("anna", at_us=2_000_000))
    assert len(await accounts.sessions()) == 1


async def test_a_token_comes_back_as_written(accounts: Accounts) -> None:
    token = ApiToken("grafana", Role.VIEWER, frozenset({"Hal"}), frozenset({"devices:read"}), 1, "anna", 99, None)
    await accounts.add_token(b"d", token)
    assert await accounts.token(b"d") == token
    await accounts.touch_token("grafana", 7)
    assert await accounts.tokens() == [replace(token, used_at_us=7)]
    await accounts.remove_token("grafana")
    assert await accounts.token(b"d") is None


async def test_failures_count_up_fade_and_are_bounded(accounts: Accounts) -> None:
    for _ in range(3):
        await accounts.count_failure("account:anna", 10, 50)
    assert await accounts.tries("account:anna") == (3, 50)
    await accounts.count_failure("account:bert", 11 + KEEP_FAILURES_US, 0)
    assert await accounts.tries("account:anna") == (0, 0)
    await accounts.clear_failures("account:bert")
    assert await accounts.tries("account:bert") == (0, 0)
    assert FAILURES_KEPT >= 1_000
