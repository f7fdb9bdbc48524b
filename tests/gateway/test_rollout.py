"""A rollout through the whole gateway: three virtual boards in waves, a release that fails on all, and the way back."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sluis_provision.rehearsal import micropython
from tests.cli.test_board_try import ended, started
from tests.cli.test_bundles import Desk
from tests.gateway.conftest import Demo, a_desk, start_demo, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(500),
    pytest.mark.skipif(micropython() is None, reason="there is no MicroPython for this machine"),
]

BOARDS = 3


@dataclass
class Fleet:
    """A gateway with nodes in use that run the first release, and the desk where the next are made."""

    demo: Demo
    desk: Desk
    nodes: list[str] = field(default_factory=list)

    def runs(self, node: str) -> Any:
        with self.demo.client() as client:
            return client.get(f"nodes/{node}/update").json() or {}

    @property
    def whom(self) -> list[str]:
        return [word for node in self.nodes for word in ("--node", node)]

    def release(self, sequence: int) -> None:
        """What lies in the folder goes out and is imported."""
        self.desk.out(sequence)
        self.demo.sluis("bundle", "import", self.desk.folder / "release")


@contextmanager
def a_fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    """Virtual boards, put on and in use."""
    desk = a_desk(tmp_path, monkeypatch)
    site = Fleet(start_demo(tmp_path / "data"), desk)
    demo = site.demo
    sluis = demo.sluis

    tray, boards = started("--count", str(BOARDS), "--folder", tmp_path / "tray")
    try:
        sluis("bundle", "trust", desk.folder / "release", typed="y\n")
        sluis("bundle", "import", desk.folder / "release")
        site.nodes = nodes = [one["uid"] for one in boards]
        ports = [one["port"] for one in boards]
        with demo.client() as client:
            wish = {"ports": ports, "profile": "pico-w", "image": "keep", "firmware": "any-0.12-12.sluis"}
            assert client.post("bench", json=wish).status_code == 202

            def written() -> bool:
                found = client.get("bench").json()["boards"]
                assert not [one for one in found if one["step"] == "failed"], json.dumps(found)
                return [one["step"] for one in found] == ["done"] * BOARDS

            wait_for(written, "boards with the first release", 240)
            for number, node in enumerate(nodes):
                placed = client.post("bench/place", json={"node": node, "name": f"Board {number}", "area": "Attic"})
                assert placed.status_code == 200, placed.text

            def ready() -> bool:
                online = [client.get(f"devices/sluis-node-{node}").json()["availability"] for node in nodes]
                return set(online) == {"online"} and all(site.runs(node).get("slot") for node in nodes)

            wait_for(ready, "nodes that are there", 60)
        yield site
    finally:
        tray.send_signal(signal.SIGINT)
        ended(tray)
        site.demo.stop()


def test_a_release_goes_out_in_waves_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_fleet(tmp_path, monkeypatch) as site, site.demo.client() as client:
        sluis, runs, nodes, ours, desk_folder = site.demo.sluis, site.runs, site.nodes, site.whom, site.desk.folder
        first = {node: runs(node)["slot"] for node in nodes}
        (desk_folder / "files" / "added.bin").write_bytes(bytes(range(256)) * 30)
        site.release(13)
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
        site.release(14)
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


@pytest.mark.soak
def test_a_gateway_that_is_killed_in_the_middle_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_fleet(tmp_path, monkeypatch) as site:
        (site.desk.folder / "files" / "added.bin").write_bytes(bytes(range(256)) * 400)
        site.release(13)
        made = json.loads(
            site.demo.sluis("rollout", "begin", "any-0.13-13.sluis", *site.whom, "--soak", "2", "--yes", "--json")
        )
        for step in ("fetching", "trial"):

            def at_step(step: str = step) -> bool:
                with site.demo.client() as client:
                    return step in client.get(f"rollouts/{made['id']}").json()["counts"]

            wait_for(at_step, step, 120)
            data = site.demo.data_dir
            site.demo.process.kill()
            site.demo.process.wait()
            (data / "run" / "gateway.json").unlink()
            site.demo = start_demo(data)
        told = json.loads(site.demo.sluis("rollout", "show", made["id"], "--follow", "--json"))
        assert (told["phase"], told["counts"], told["failed"]) == ("done", {"done": BOARDS}, 0), told
        assert all(site.runs(node)["sequence"] == 13 for node in site.nodes)
