"""A technician's tray without hardware: two virtual boards become devices with labels, through the whole gateway."""

from __future__ import annotations

import io
import signal
from pathlib import Path

import pytest
from PIL import Image

from sluis_provision.rehearsal import micropython
from tests.cli.test_board_try import ended, started
from tests.provision.papers.conftest import codes_of

from .conftest import start_demo, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(micropython() is None, reason="there is no MicroPython for this machine"),
]


def test_virtual_boards_become_devices_with_labels(tmp_path: Path) -> None:
    demo = start_demo(tmp_path / "data")
    tray, boards = started("--count", "2", "--folder", tmp_path / "tray")
    try:
        ports = [one["port"] for one in boards]
        with demo.client() as client:
            looked = client.post("bench/look", json={"ports": ports, "family": "rp2"}).json()
            assert [one["id"] for one in looked] == [one["uid"] for one in boards]
            wish = {"ports": ports, "profile": "pico-w", "image": "keep", "firmware": "ours", "key": True}
            assert client.post("bench", json=wish).status_code == 202

            def through() -> bool:
                found = client.get("bench").json()["boards"]
                assert all(one["step"] != "failed" for one in found), found
                return [one["step"] for one in found] == ["done"] * len(ports)

            wait_for(through, "two boards that passed their test", 150)
            placed = client.post("bench/place", json={"node": boards[0]["uid"], "name": "Attic", "area": "Attic"})
            assert placed.status_code == 200, placed.text
            key = f"sluis-node-{boards[0]['uid']}"
            assert client.get(f"devices/{key}").json()["availability"] == "online"
            label = client.get(f"devices/{key}/label").content
            (code,) = codes_of(Image.open(io.BytesIO(label)))
            assert code.endswith(f"/d/{key}")
    finally:
        tray.send_signal(signal.SIGINT)
        code = ended(tray)
        demo.stop()
    assert code == 0
