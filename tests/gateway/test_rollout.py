"""A rollout through the whole gateway: three virtual boards in waves, a release that fails on all, and the way back."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sluis_provision.bundle import build
from sluis_provision.rehearsal import micropython
from tests.cli.test_board_try import ended, started
from tests.cli.test_bundles import WORDS, Desk
from tests.firmware.test_updates import slot
from tests.gateway.conftest import start_demo, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(500),
    pytest.mark.skipif(micropython() is None, reason="there is no MicroPython for this machine"),
]

BOARDS = 3


def test_a_release_goes_out_in_waves_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk_folder = tmp_path / "desk"
    desk_folder.mkdir()
    monkeypatch.chdir(desk_folder)
    monkeypatch.setenv("SLUIS_KEY_PASSPHRASE", WORDS)
    desk = Desk(desk_folder)
    for path, content in slot(build()).items():
        file = desk_folder / "files" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    (desk_folder / "files" / "main.py").unlink()
    desk.begin()
    desk.out(12)
    demo = start_demo(tmp_path / "data")

    def sluis(*words: str | Path, code: int = 0, typed: str = "") -> str:
        command = [sys.executable, "-m", "sluis", "--data-dir", str(demo.data_dir), *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=400, input=typed)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    tray, boards = started("--count", str(BOARDS), "--folder", tmp_path / "tray")
    try:
        sluis("bundle", "trust", desk_folder / "release", typed="y\n")
        sluis("bundle", "import", desk_folder / "release")
        nodes = [one["uid"] for one in boards]
        ports = [one["port"] for one in boards]
        ours = [word for node in nodes for word in ("--node", node)]
        with demo.client() as client:
            wish = {"ports": ports, "profile": "pico-w", "image": "keep", "firmware": "any-0.12-12.sluis"}
            assert client.post("bench", json=wish).status_code == 202

            def written() -> bool:
                found = client.get("bench").json()["boards"]
                assert not [one for one in found if one["step"] == "failed"], json.dumps(found)
                return all(one["step"] == "done" for one in found)

            wait_for(written, "boards with the first release", 240)
            for number, node in enumerate(nodes):
                placed = client.post("bench/place", json={"node": node, "name": f"Board {number}", "area": "Attic"})
                assert placed.status_code == 200, placed.text

            def runs(node: str) -> Any:
                return client.get(f"nodes/{node}/update").json() or {}

            def ready() -> bool:
                online = [client.get(f"devices/sluis-node-{node}").json()["availability"] for node in nodes]
                return set(online) == {"online"} and all(runs(node).get("slot") for node in nodes)

            wait_for(ready, "nodes that are there", 60)
            first = {node: runs(node)["slot"] for node in nodes}
            (desk_folder / "files" / "added.bin").write_bytes(bytes(range(256)) * 30)
            desk.out(13)
            sluis("bundle", "import", desk_folder / "release")
            soft = ("--soak", "2", "--wave", "1", "--wave", "rest")
            plan = json.loads(sluis("rollout", "plan", "any-0.13-13.sluis", *ours, *soft, "--json"))
            assert [len(wave) for wave in plan["waves"]] == [1, 2] and plan["left_out"] == []
            never = sluis("rollout", "begin", "any-0.12-12.sluis", *ours, "--yes", code=4)
            assert "nobody can take" in never
            told = sluis("rollout", "begin", "any-0.13-13.sluis", *ours, *soft, "--yes", "--follow", "--json")
            made = json.loads(told)
            assert (made["phase"], made["counts"], made["failed"]) == ("done", {"done": BOARDS}, 0)
            assert all(runs(node)["sequence"] == 13 and runs(node)["slot"] != first[node] for node in nodes)
            # All the way back: a switch, nothing is fetched.
            sluis("rollout", "undo", made["id"], "--reason", "only to see it")
            back = json.loads(sluis("rollout", "show", made["id"], "--follow", "--json"))
            assert (back["phase"], back["counts"]) == ("undone", {"back": BOARDS})
            assert all(runs(node)["slot"] == first[node] for node in nodes)
            # A release that does not come up: it stops by itself after the first, which has its old version again.
            broken = next(file for file in (desk_folder / "files").rglob("app.*") if "sluis_node" in str(file))
            broken.write_bytes(b"raise RuntimeError('does not come up')\n")
            desk.out(14)
            sluis("bundle", "import", desk_folder / "release")
            sluis("rollout", "begin", "any-0.14-14.sluis", *ours, *soft, "--yes")
            stopped = json.loads(sluis("rollout", "show", "--follow", "--json"))
            assert (stopped["phase"], stopped["why"], stopped["failed"]) == ("paused", "failures", 1)
            assert stopped["counts"] == {"back": 1, "waiting": BOARDS - 1}
            assert all(runs(node)["slot"] == first[node] for node in nodes)
            (bad,) = [one for one in stopped["members"] if one["failed"]]
            assert bad["failed"] == "went-back"
            ended_ = json.loads(sluis("rollout", "abort", "--json"))
            assert ended_["phase"] in ("aborted", "returning")
            actions = {one["action"] for one in client.get("audit", params={"object": made["id"]}).json()["items"]}
            assert {"rollout.begin", "rollout.step", "rollout.undo"} <= actions
    finally:
        tray.send_signal(signal.SIGINT)
        ended(tray)
        demo.stop()
