"""A technician's tray without hardware: two virtual boards become devices with labels, through the whole gateway."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from sluis_provision.rehearsal import micropython
from tests.provision.papers.conftest import codes_of

from .conftest import start_demo, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(micropython() is None, reason="there is no MicroPython for this machine"),
]


def test_virtual_boards_become_devices_with_labels(tmp_path: Path) -> None:
    demo = start_demo(tmp_path / "data")
    command = [sys.executable, "-u", "-m", "sluis", "board", "try", "--count", "2", "--json"]
    tray = subprocess.Popen([*command, "--folder", str(tmp_path / "tray")], stdout=subprocess.PIPE, text=True)
    try:
        assert tray.stdout is not None
        said = ""
        while not said.rstrip().endswith("]"):
            said += tray.stdout.readline()
        boards = json.loads(said)
        ports = [one["port"] for one in boards]
        with demo.client() as client:
            looked = client.post("bench/look", json={"ports": ports, "family": "rp2"}).json()
            assert [one["id"] for one in looked] == [one["uid"] for one in boards]
            wish = {"ports": ports, "profile": "pico-w", "image": "keep", "firmware": "ours", "key": True}
            assert client.post("bench", json=wish).status_code == 202

            def through() -> bool:
                found = client.get("bench").json()["boards"]
                assert all(one["step"] != "failed" for one in found), found
                return all(one["step"] == "done" for one in found)

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
        tray.communicate(timeout=20)
        demo.stop()
    assert tray.returncode == 0
