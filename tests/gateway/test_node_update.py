"""From the release machine to a node that runs it: flashed with one release, updated to the next, undone."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from sluis_provision.rehearsal import micropython
from tests.cli.test_board_try import ended, started
from tests.gateway.conftest import a_desk, start_demo, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(micropython() is None, reason="there is no MicroPython for this machine"),
]


def test_a_node_takes_a_release_from_its_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = a_desk(tmp_path, monkeypatch)
    desk_folder = desk.folder
    demo = start_demo(tmp_path / "data")
    sluis = demo.sluis

    tray, (board,) = started("--folder", tmp_path / "tray")
    try:
        sluis("bundle", "trust", desk_folder / "release", typed="y\n")
        sluis("bundle", "import", desk_folder / "release")
        node = board["uid"]
        with demo.client() as client:
            wish = {"ports": [board["port"]], "profile": "pico-w", "image": "keep", "firmware": "any-0.12-12.sluis"}
            assert client.post("bench", json=wish).status_code == 202

            def done() -> bool:
                found = client.get("bench").json()["boards"]
                assert not [one for one in found if one["step"] == "failed"], found
                return [one["step"] for one in found] == ["done"]

            wait_for(done, "a board with the first release", 150)

            def runs() -> Any:
                return client.get(f"nodes/{node}/update").json() or {}

            wait_for(lambda: runs().get("slot"), "what the node runs")
            first = runs()
            # The next release: one file is another, one is new.
            (desk_folder / "files" / "added.bin").write_bytes(bytes(range(256)) * 30)
            desk.out(13)
            sluis("bundle", "import", desk_folder / "release")
            assert "any-0.13-13.sluis" in sluis("bundle", "list")
            told = sluis("node", "update", node, "any-0.13-13.sluis", "--reason", "the yearly one", "--json")
            now = json.loads(told)
            assert (now["sequence"], now["floor"], now["trial"]) == (13, 13, False)
            assert now["slot"] != first["slot"]
            again = client.post(f"nodes/{node}/update", json={"bundle": "any-0.12-12.sluis"})
            assert again.status_code == 403 and "0.12 has sequence 12" in again.text, "it has left that behind"
            back = json.loads(sluis("node", "update", node, "--undo", "--json"))
            assert (back["slot"], back["floor"]) == (first["slot"], 13)
            actions = {one["action"] for one in client.get("audit", params={"object": node}).json()["items"]}
            assert {"node.update", "node.update-undone"} <= actions
    finally:
        tray.send_signal(signal.SIGINT)
        ended(tray)
        demo.stop()
