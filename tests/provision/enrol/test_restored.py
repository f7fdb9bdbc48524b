"""A gateway that burned down: its backup, opened elsewhere, gives every node the key that it has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pyrage import x25519

from sluis.runtime import SystemClock
from sluis.store.archive import Keys
from sluis.store.backups import Backups, BackupSettings, restore
from sluis_provision.enrol import SiteSecret
from sluis_provision.enrol.secret import SecretLost

from .conftest import ANNA, OTHER, PICO, Board, a_site

PlugIn = Callable[..., Board]


async def test_a_backup_restored_elsewhere_has_the_same_node_keys(tmp_path: Path, boards: PlugIn) -> None:
    owner = x25519.Identity.generate()
    burned = tmp_path / "burned"
    burned.mkdir()
    async with a_site(burned) as site:
        issued = await site.enrolment.enrol(PICO, ANNA, board="pico-w")
        rotated = [await site.enrolment.enrol(OTHER, ANNA), await site.enrolment.rotate(OTHER, ANNA)][-1]
        await site.enrolment.networks.save("attic", "a long password", ANNA)
        backups = Backups(burned, BackupSettings(recipients=(str(owner.to_public()),)), SystemClock(), site.audit)
        backup = await backups.create()
        file = backups.folder / backup.name
    assert (burned / "pki" / "site.secret").read_bytes().strip() not in file.read_bytes()

    other = tmp_path / "other"
    await asyncio.to_thread(restore, file, other, Keys(identities=(str(owner),)), 0)
    async with a_site(other) as site:
        for before in (issued, rotated):
            after = await site.enrolment.enrol(before.node.id, ANNA)
            assert (after.password, after.node.generation) == (before.password, before.node.generation)
            assert after.setup_code == before.setup_code
        assert [(one.ssid, one.password) for one in after.networks] == [("attic", "a long password")]
        # The board that was given its key by the burned gateway is let in, and trusts this one.
        moved = replace(issued, place=replace(issued.place, port=after.place.port))
        board = await asyncio.to_thread(boards, moved)
        assert board.refused == ""

    # Without the secret, which is in the backup alone, there is nothing of it.
    (other / "pki" / "site.secret").unlink()
    stranger = SiteSecret(other / "pki" / "site.secret")
    assert stranger.password(PICO, 1) != issued.password
    async with a_site(other) as site:
        with pytest.raises(SecretLost):
            await site.enrolment.networks.all()
