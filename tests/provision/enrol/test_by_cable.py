"""A board gets its key over its cable, and proves itself: real firmware, real broker, real enrolment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from sluis.model.nodes import NodeState
from sluis_provision.enrol import Issued
from sluis_provision.enrol.cable import Cable
from sluis_provision.enrol.errors import NodeSilent, SameId
from sluis_provision.flashers.port import opened
from tests.firmware.pki import Authority
from tests.firmware.vm import Node, cable

from .conftest import ANNA, Site

pytestmark = pytest.mark.timeout(120)

UID = "e66118604b4a2c21"
WIRED = {"name": "Boiler room", "parts": {"pump": {"part": "relay", "pin": 16}}}

Eventually = Callable[..., Awaitable[None]]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path / "node", UID)
    made.write({"/node.json": WIRED})
    yield made
    made.stop()


async def hand_over(name: str, issued: Issued, **other: Any) -> None:
    """What `sluis enrol --port` does once the gateway has answered."""
    async with opened(name) as port:
        place = replace(issued.place, **other)
        await Cable(port).enrol(issued.net(), place.ca_der, issued.node.fingerprint)


async def says(name: str) -> str:
    async with opened(name) as port:
        return (await Cable(port).about()).trouble


async def proven(site: Site, eventually: Eventually) -> None:
    async def passes() -> bool:
        try:
            _, verdict = await site.enrolment.test(UID, ANNA)
        except NodeSilent:
            return False
        assert verdict.passed, verdict.fault
        return True

    site.hurry(1.0)  # asked again until it is there
    await eventually(passes, within_s=60)


def expired(folder: Path) -> bytes:
    """The site's CA as it was years ago: the same name and key, and long over."""
    key = load_pem_private_key((folder / "pki" / "site-ca.key").read_bytes(), None)
    now = x509.load_pem_x509_certificate((folder / "pki" / "site-ca.pem").read_bytes())
    builder = (
        x509.CertificateBuilder(now.issuer, now.subject, now.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=900))
        .not_valid_after(datetime.now(UTC) - timedelta(days=30))
    )
    for extension in now.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["another site's", pytest.param("expired", marks=pytest.mark.soak)])
async def test_a_ca_that_is_wrong_is_named_and_mended_by_the_next_try(
    site: Site, node: Node, tmp_path: Path, eventually: Eventually, kind: str
) -> None:
    issued = await site.enrolment.enrol(UID, ANNA, board="virtual")
    wrong = expired(site.folder) if kind == "expired" else Authority(tmp_path / "other").der
    with cable(node) as name:
        node.start()
        await hand_over(name, issued, ca_der=wrong)

        async def complains() -> bool:
            return "certificate" in await says(name)

        await eventually(complains, within_s=60)
        site.hurry(0.5)
        with pytest.raises(NodeSilent) as silent:
            await site.enrolment.test(UID, ANNA)
        assert "certificate" in silent.value.hint
        assert "Enrol it again over the cable" in silent.value.hint or kind == "expired"
        # The same again, with what the gateway issues: the key is the same, as it has not proven itself yet.
        again = await site.enrolment.enrol(UID, ANNA)
        assert again.password == issued.password
        await hand_over(name, again)
        await proven(site, eventually)
        assert (await site.enrolment.node(UID)).fault == ""
        assert await says(name) == ""


@pytest.mark.soak
async def test_another_board_with_the_same_id_is_left_as_it_is(
    site: Site, node: Node, tmp_path: Path, eventually: Eventually
) -> None:
    other = Node(tmp_path / "other", UID)
    with cable(node) as name, cable(other) as second:
        node.start()
        issued = await site.enrolment.enrol(UID, ANNA)
        await hand_over(name, issued)
        await proven(site, eventually)
        other.start()
        try:
            async with opened(second) as port:
                about = await Cable(port).about()
            with pytest.raises(SameId) as same:
                await site.enrolment.enrol(about.id, ANNA)
            assert "two boards have one id" in same.value.hint
            assert other.read("/net.json") is None
            # Somebody says it is the same board all the same: the first one is thrown out, and that is told.
            again = await site.enrolment.enrol(UID, ANNA, again=True)
            await hand_over(second, again)
            await proven(site, eventually)

            async def refused() -> bool:
                return "another key" in (await site.enrolment.node(UID)).fault

            await eventually(refused, within_s=60)
            assert "may not connect" in await says(name)
        finally:
            await asyncio.to_thread(other.stop)


@pytest.mark.soak
async def test_a_rotated_key_is_handed_over_and_the_old_one_is_not_gone_back_to(
    site: Site, node: Node, eventually: Eventually
) -> None:
    with cable(node) as name:
        node.start()
        await hand_over(name, await site.enrolment.enrol(UID, ANNA))
        await proven(site, eventually)
        await eventually(lambda: node.read("/net.good") is not None)
        issued = await site.enrolment.rotate(UID, ANNA, reason="a yearly duty")
        assert issued.node.state is NodeState.ENROLLED
        await hand_over(name, issued)
        assert node.read("/net.good") is None
        await proven(site, eventually)
        # A bad key would have been gone back from; the new one is the good one now.
        await eventually(lambda: node.read("/net.good") == node.read("/net.json"))
