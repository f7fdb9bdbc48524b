"""Set-up, signing in, sessions, tokens, throttling, CSRF."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

import pytest

from sluis.model import ApiToken, Role, User
from sluis.model.commands import SYSTEM
from sluis.panel.auth import COOKIE
from sluis.panel.door import Door
from sluis.panel.errors import BadCredentials, NotPermitted, NotSignedIn, SetupClosed, Throttled, WeakPassword
from sluis.panel.passwords import WAITING_MAX, Passwords, csrf_of, new_setup_code, new_token
from sluis.panel.settings import PanelSettings
from sluis.panel.throttle import FREE_TRIES, LONGEST_WAIT_S, address_subject
from sluis.store.accounts import Accounts
from tests.panel.conftest import PASSWORD, Site, a_site

ADDRESS = "192.0.2.1"


def a_door(site: Site) -> Door:
    """The door after a restart of the gateway."""
    return Door(Accounts(site.database), site.audit, site.clock, site.settings)


# -- set-up -----------------------------------------------------------------------------------------------


async def test_the_code_makes_one_admin_and_then_nothing(site: Site) -> None:
    code = await site.door.open()
    assert code is not None and site.door.needs_setup
    body = {"code": code.lower(), "name": "Anna", "password": PASSWORD, "full_name": "Anna de Vries"}
    client = site.browser()
    answer = await client.post("/api/v1/set-up", json=body)
    assert answer.status_code == 201 and answer.json()["role"] == "admin" and answer.json()["name"] == "anna"
    assert (await client.get("/api/v1/users")).status_code == 200, "set-up signs in"
    again = await site.browser().post("/api/v1/set-up", json={**body, "name": "eve"})
    assert (again.status_code, again.json()["code"]) == (403, "auth.setup")
    assert await site.door.open() is None
    assert [one.action for one in await site.audit.entries(9, actor="person:anna")] == ["gateway.set-up"]


async def test_a_wrong_code_makes_nobody_and_is_throttled(site: Site) -> None:
    await site.door.open()
    for _ in range(FREE_TRIES["setup"] + 1):
        with pytest.raises(SetupClosed):
            await site.door.set_up("AAAA-AAAA", "eve", PASSWORD, ADDRESS)
    with pytest.raises(Throttled):
        await site.door.set_up("AAAA-AAAA", "eve", PASSWORD, ADDRESS)
    assert await site.door.users() == []


async def test_a_weak_password_does_not_use_up_the_code(site: Site) -> None:
    code = await site.door.open() or ""
    with pytest.raises(WeakPassword):
        await site.door.set_up(code, "anna", "short", ADDRESS)
    assert await site.door.set_up(code, "anna", PASSWORD, ADDRESS)


async def test_an_account_made_on_the_command_line_ends_the_code(site: Site) -> None:
    code = await site.door.open() or ""
    await site.door.add_user(User("anna", Role.ADMIN), PASSWORD, SYSTEM)
    with pytest.raises(SetupClosed):
        await site.door.set_up(code, "eve", PASSWORD, ADDRESS)
    assert not site.door.needs_setup and [user.name for user in await site.door.users()] == ["anna"]


async def test_codes_are_typeable_and_differ() -> None:
    codes = {new_setup_code() for _ in range(200)}
    assert len(codes) == 200 and all(len(one) == 9 and one[4] == "-" and not set(one) & set("01ILOU") for one in codes)


@pytest.mark.parametrize("password", ["short", "password123", "Welkom2026!", "anna123456", "x" * 300, "1234567890"])
def test_guessable_passwords_are_refused(password: str) -> None:
    with pytest.raises(WeakPassword):
        Passwords(10).check_strength(password, "anna")


@pytest.mark.parametrize("password", ["correct horse battery", "h8$kQ!vz2Lp0", "vier willekeurige woorden"])
def test_good_passwords_are_taken(password: str) -> None:
    Passwords(10).check_strength(password, "anna")


# -- sessions ---------------------------------------------------------------------------------------------


async def test_signing_in_gives_a_cookie_that_scripts_and_other_sites_cannot_have(site: Site) -> None:
    await site.user("anna", Role.OPERATOR)
    client = site.browser()
    answer = await client.sign_in("ANNA")
    cookie = answer.headers["set-cookie"]
    for part in (COOKIE, "HttpOnly", "Secure", "SameSite=strict", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie
    me = (await client.get("/api/v1/session")).json()
    assert (me["kind"], me["name"], me["role"], me["areas"]) == ("person", "anna", "operator", None)
    assert me["csrf"] == answer.json()["csrf"] == csrf_of(client.cookies[COOKIE])


async def test_the_store_holds_no_secret(site: Site) -> None:
    await site.user("anna", Role.OPERATOR)
    client = site.browser()
    await client.sign_in("anna")
    secret, _ = await site.door.add_token(ApiToken("t", Role.VIEWER), SYSTEM)
    await site.database.read(lambda db: db.execute("SELECT 1").fetchone())
    held = b"".join(file.read_bytes() for file in site.folder.glob("sluis.db*"))
    for word in (client.cookies[COOKIE], secret, PASSWORD):
        assert word.encode() not in held
    assert b"$argon2id$" in held


async def test_signing_out_ends_the_session(site: Site) -> None:
    await site.user("anna", Role.OPERATOR)
    client = site.browser()
    await client.sign_in("anna")
    secret = client.cookies[COOKIE]
    assert (await client.delete("/api/v1/session")).status_code == 204
    with pytest.raises(NotSignedIn):
        await site.door.by_session(secret, ADDRESS)


async def test_a_session_ends_when_idle_and_when_old(site: Site) -> None:
    await site.user("anna", Role.OPERATOR)
    secret = await site.door.sign_in("anna", PASSWORD, ADDRESS)
    for _ in range(59):
        await site.clock.advance(site.settings.session_idle_s - 60)
        await site.door.by_session(secret, ADDRESS)
    await site.clock.advance(site.settings.session_idle_s + 61)
    with pytest.raises(NotSignedIn):
        await site.door.by_session(secret, ADDRESS)
    secret = await site.door.sign_in("anna", PASSWORD, ADDRESS)
    for _ in range(int(site.settings.session_life_s / 30_000)):
        await site.clock.advance(30_000)
        await site.door.by_session(secret, ADDRESS)
    await site.clock.advance(30_000)
    with pytest.raises(NotSignedIn):
        await site.door.by_session(secret, ADDRESS)


async def test_sessions_are_listed_and_revoked(site: Site) -> None:
    await site.user("anna", Role.OPERATOR)
    await site.user("bert", Role.OPERATOR)
    phone, desk, other = site.browser("192.0.2.20"), site.browser("192.0.2.21"), site.browser("192.0.2.22")
    for client, name in ((phone, "anna"), (desk, "anna"), (other, "bert")):
        await client.sign_in(name)
    mine = (await desk.get("/api/v1/sessions")).json()
    assert {one["origin"] for one in mine} == {"192.0.2.20", "192.0.2.21"}
    (lost,) = [one["id"] for one in mine if not one["current"]]
    assert (await other.delete(f"/api/v1/sessions/{lost}")).status_code == 404, "not bert's"
    assert (await desk.delete(f"/api/v1/sessions/{lost}")).status_code == 204
    assert (await phone.get("/api/v1/devices")).status_code == 401
    assert (await desk.get("/api/v1/devices")).status_code == 200


async def test_disabling_a_user_ends_all_they_have(site: Site) -> None:
    await site.user("anna", Role.ADMIN)
    await site.user("bert", Role.OPERATOR)
    client = site.browser()
    await client.sign_in("bert")
    await site.door.change_user("bert", SYSTEM, disabled=True)
    assert (await client.get("/api/v1/devices")).status_code == 401
    assert (await site.browser().sign_in("bert")).status_code == 401


async def test_a_demotion_holds_at_once(site: Site) -> None:
    await site.user("anna", Role.ADMIN)
    await site.user("bert", Role.ADMIN)
    client = site.browser()
    await client.sign_in("bert")
    assert (await client.get("/api/v1/users")).status_code == 200
    await site.door.change_user("bert", SYSTEM, role=Role.VIEWER)
    assert (await client.get("/api/v1/users")).status_code == 403


async def test_a_new_password_ends_the_other_sessions(site: Site) -> None:
    await site.user("anna", Role.OPERATOR)
    here, there = site.browser(), site.browser()
    await here.sign_in("anna")
    await there.sign_in("anna")
    wrong = await here.post("/api/v1/session/password", json={"old": "not it at all", "new": "quite another one"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "auth.credentials")
    right = await here.post("/api/v1/session/password", json={"old": PASSWORD, "new": "quite another one"})
    assert right.status_code == 204
    assert (await here.get("/api/v1/session")).status_code == 200
    assert (await there.get("/api/v1/session")).status_code == 401


# -- guessing ---------------------------------------------------------------------------------------------


async def test_guessing_at_an_account_is_slowed_down_and_a_restart_forgives_nobody(site: Site) -> None:
    await site.user("anna", Role.OPERATOR)
    for number in range(FREE_TRIES["account"] + 1):
        with pytest.raises(BadCredentials):
            await site.door.sign_in("anna", "wrong", f"192.0.2.{number}")
    with pytest.raises(Throttled) as caught:
        await a_door(site).sign_in("anna", PASSWORD, "192.0.2.99")
    assert 1 < caught.value.wait_s <= 2
    await site.clock.advance(2)
    with pytest.raises(BadCredentials):
        await site.door.sign_in("anna", "wrong", "192.0.2.99")
    with pytest.raises(Throttled) as caught:
        await site.door.sign_in("anna", PASSWORD, "192.0.2.99")
    assert 3 < caught.value.wait_s <= 4, "the wait doubles"
    await site.clock.advance(4)
    assert await site.door.sign_in("anna", PASSWORD, "192.0.2.99")
    assert await Accounts(site.database).tries("account:anna") == (0, 0), "the right password ends the count"


async def test_guessing_from_one_address_is_slowed_down_whatever_the_names(site: Site) -> None:
    for number in range(FREE_TRIES["address"] + 1):
        with pytest.raises(BadCredentials):
            await site.door.sign_in(f"name{number}", "wrong", ADDRESS)
    with pytest.raises(Throttled):
        await site.door.sign_in("yet-another", "wrong", ADDRESS)
    answer = await site.browser(ADDRESS).sign_in("anna")
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("one", "other", "same_subject"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("?", "?", True),
    ],
)
def test_an_ipv6_network_is_one_address(one: str, other: str, same_subject: bool) -> None:
    assert (address_subject(one) == address_subject(other)) == same_subject


async def test_guessing_in_parallel_gains_nothing(site: Site) -> None:
    await site.user("anna", Role.OPERATOR)

    async def guess(number: int) -> type[Exception]:
        with pytest.raises((BadCredentials, Throttled)) as caught:
            await site.door.sign_in("anna", f"wrong {number}", f"198.51.100.{number}")
        return caught.type

    outcomes = await asyncio.gather(*(guess(number) for number in range(40)))
    assert outcomes.count(BadCredentials) == FREE_TRIES["account"] + 1


async def test_a_flood_of_sign_ins_is_turned_away_instead_of_queued(site: Site) -> None:
    async def attempt(number: int) -> type[Exception]:
        with pytest.raises((BadCredentials, Throttled)) as caught:
            await site.door.sign_in(f"name{number}", "wrong", f"198.51.100.{number}")
        return caught.type

    outcomes = await asyncio.gather(*(attempt(number) for number in range(60)))
    assert outcomes.count(BadCredentials) <= WAITING_MAX and Throttled in outcomes


async def test_a_clock_set_back_locks_nobody_out_for_long(site: Site) -> None:
    await site.user("anna", Role.OPERATOR)
    for _ in range(FREE_TRIES["account"] + 1):
        with pytest.raises(BadCredentials):
            await site.door.sign_in("anna", "wrong", ADDRESS)
    site.clock.jump(-14 * 86_400)
    with pytest.raises(Throttled) as caught:
        await site.door.sign_in("anna", PASSWORD, ADDRESS)
    assert caught.value.wait_s <= LONGEST_WAIT_S


async def test_an_unknown_name_costs_the_same_time(tmp_path: Path) -> None:
    passwords = Passwords(10)
    stored = await passwords.hash(PASSWORD)

    async def cost_s(hashed: str | None) -> float:
        spent = []
        for _ in range(7):
            began = time.process_time()
            assert not await passwords.matches(hashed, "wrong")
            spent.append(time.process_time() - began)
        return statistics.median(spent)

    known, unknown = await cost_s(stored), await cost_s(None)
    assert 0.5 < known / unknown < 2, (known, unknown)


async def test_refused_tries_are_in_the_audit_log_without_the_password(site: Site) -> None:
    with pytest.raises(BadCredentials):
        await site.door.sign_in("eve", "s3cret-guess", ADDRESS)
    (entry,) = await site.audit.entries(1)
    assert (entry.action, entry.object, entry.origin) == ("session.refused", "eve", ADDRESS)
    assert "s3cret" not in repr(entry)


# -- tokens -----------------------------------------------------------------------------------------------


async def test_a_token_works_until_it_expires_or_goes(site: Site) -> None:
    wish = ApiToken("t", Role.VIEWER, expires_at_us=site.clock.at_us + 60_000_000)
    secret, token = await site.door.add_token(wish, SYSTEM)
    assert secret.startswith("slu_") and len(secret) > 40 and token.created_by == "sluis"
    assert (await site.door.by_token(secret, ADDRESS)).actor.label == "token:t"
    assert (await site.door.tokens())[0].used_at_us == site.clock.at_us
    await site.clock.advance(61)
    with pytest.raises(NotSignedIn):
        await site.door.by_token(secret, ADDRESS)
    second, _ = await site.door.add_token(ApiToken("u", Role.VIEWER), SYSTEM)
    await site.door.by_token(second, ADDRESS)
    await site.door.remove_token("u", SYSTEM)
    with pytest.raises(NotSignedIn):
        await site.door.by_token(second, ADDRESS)


async def test_a_tokens_scope_holds(site: Site) -> None:
    client = await site.program(Role.ADMIN, None, "devices:read")
    assert (await client.get("/api/v1/devices")).status_code == 200
    assert (await client.get("/api/v1/users")).status_code == 403
    refused = await client.post("/api/v1/commands", json={"device": "meter-one", "point": "relay", "value": True})
    assert (refused.status_code, refused.json()["code"]) == (403, "auth.forbidden")
    writer = await site.program(Role.ADMIN, None, "devices:write")
    assert (await writer.get("/api/v1/devices")).status_code == 200, "writing implies reading"


async def test_nobody_hands_out_more_than_they_hold(site: Site) -> None:
    user = await site.user("anna", Role.TECHNICIAN, frozenset({"Hal"}))
    for wish in (
        ApiToken("a", Role.ADMIN),
        ApiToken("b", Role.VIEWER),
        ApiToken("c", Role.VIEWER, frozenset({"Kelder"})),
    ):
        with pytest.raises(NotPermitted):
            await site.door.add_token(wish, user.actor(ADDRESS))
    assert await site.door.add_token(ApiToken("d", Role.VIEWER, frozenset({"Hal"})), user.actor(ADDRESS))


async def test_the_local_token_works_on_the_gateway_itself_only(site: Site) -> None:
    secret = site.door.local_token()
    assert (await site.door.by_token(secret, "127.0.0.1")).actor.role is Role.ADMIN
    with pytest.raises(NotSignedIn):
        await site.door.by_token(secret, ADDRESS)
    newer = site.door.local_token()
    with pytest.raises(NotSignedIn):
        await site.door.by_token(secret, "127.0.0.1")
    assert newer != secret and await site.door.by_token(newer, "::1")


async def test_names_that_are_no_text_are_nobody(site: Site) -> None:
    for name in ("", "\ud800", "\0", "a" * 10_000, "'; DROP TABLE users; --"):
        with pytest.raises(BadCredentials):
            await site.door.sign_in(name, "x", ADDRESS)


async def test_rubbish_is_nobody(site: Site) -> None:
    for secret in ("", "x", new_token(), "\ud800".encode("utf-8", "replace").decode(), "a" * 10_000):
        with pytest.raises(NotSignedIn):
            await site.door.by_token(secret, ADDRESS)
        with pytest.raises(NotSignedIn):
            await site.door.by_session(secret, ADDRESS)


# -- forgery ----------------------------------------------------------------------------------------------


async def test_a_sessions_writes_need_its_csrf_token(site: Site) -> None:
    await site.user("anna", Role.OPERATOR)
    client = site.browser()
    await client.sign_in("anna")
    token = client.headers.pop("X-CSRF-Token")
    wish = {"device": "meter-one", "point": "relay", "value": True}
    for headers in ({}, {"X-CSRF-Token": "x"}, {"X-CSRF-Token": csrf_of("other")}):
        answer = await client.post("/api/v1/commands", json=wish, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "auth.csrf")
    assert (await client.get("/api/v1/devices")).status_code == 200, "reading needs none"
    for foreign in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        answer = await client.post("/api/v1/commands", json=wish, headers={"X-CSRF-Token": token, **foreign})
        assert answer.status_code == 403, foreign
    answer = await client.post(
        "/api/v1/commands", json=wish, headers={"X-CSRF-Token": token, "Origin": "https://sluis.local"}
    )
    assert answer.status_code == 202


async def test_another_site_cannot_sign_anyone_in(site: Site) -> None:
    await site.user("anna", Role.OPERATOR)
    body = {"name": "anna", "password": PASSWORD}
    answer = await site.browser().post("/api/v1/session", json=body, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


async def test_settings_bound_a_tokens_life(tmp_path: Path) -> None:
    async with a_site(tmp_path, PanelSettings(token_life_s=60)) as site:
        far = ApiToken("t", Role.VIEWER, expires_at_us=site.clock.at_us * 2)
        _, token = await site.door.add_token(far, SYSTEM)
        assert token.expires_at_us == site.clock.at_us + 60_000_000
