"""`sluis bundle` from keys to a gateway: a team releases, a gateway imports."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.cli.conftest import Done
from tests.panel.conftest import Site

from sluis.cli import main
from sluis_provision.release import keys

Run = Callable[..., Awaitable[Done]]
WORDS = "four random words here"
PEOPLE = ("root1", "root2", "root3", "anna", "ben", "carla", "fresh")


class Desk:
    """The release machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in PEOPLE:
            keys.new(folder / f"{name}.key", name, WORDS, cost=2**10)
        (folder / "files").mkdir()
        (folder / "files" / "main.py").write_text("print('hello')\n")
        (folder / "changes.toml").write_text('en = "Says hello."\nnl = "Zegt hallo."\n')

    def sluis(self, *words: str, fails: str = "") -> Any:
        """What the command says as JSON; or `fails`, which is in what it says."""
        done = CliRunner().invoke(main, ["--data-dir", "no-gateway", "bundle", *words, *([] if fails else ["--json"])])
        if fails:
            assert done.exit_code == 1 and fails in done.stderr, done.output
            return None
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def id(self, name: str) -> str:
        return keys.public_key(self.folder / f"{name}.pub").id

    def bundle(self, sequence: int, *by: str) -> str:
        made = self.sluis(
            "build", ".", "--folder", "files", "--version", f"0.{sequence}", "--sequence", str(sequence),
            "--expires", "2040-01-01", "--changes", "changes.toml",
        )  # fmt: skip
        for name in by or ("anna", "ben"):
            self.sluis("sign", made["file"], "--key", f"{name}.key")
        return str(made["file"])

    def begin(self) -> None:
        self.sluis(
            "repo", "new", "release", "--root", "root1.pub", "--root", "root2.pub", "--root", "root3.pub",
            "--release", "anna.pub", "--release", "ben.pub", "--threshold", "2", "--fresh", "fresh.pub",
        )  # fmt: skip
        self.signed("root1", "root2")

    def signed(self, *by: str) -> Any:
        return [self.sluis("repo", "sign", "release", "--key", f"{name}.key") for name in by][-1]

    def out(self, sequence: int, *by: str) -> str:
        """Release a bundle."""
        file = self.bundle(sequence, *by)
        self.sluis("repo", "add", "release", file)
        self.signed(*(by or ("anna", "ben")))
        self.sluis("repo", "publish", "release", "--key", "fresh.key")
        return file


@pytest.fixture
def desk(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Desk:
    folder = tmp_path_factory.mktemp("desk")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SLUIS_KEY_PASSPHRASE", WORDS)
    return Desk(folder)


def test_a_release_waits_for_its_people(desk: Desk) -> None:
    desk.begin()
    file = desk.bundle(12)
    added = desk.sluis("repo", "add", "release", file)
    assert added["staged"]["targets"]["missing"] == 2 and added["staged"]["root"]["missing"] == 0
    desk.sluis("repo", "publish", "release", "--key", "fresh.key", fails="the new targets needs 2 more")
    desk.signed("anna")
    desk.sluis("repo", "sign", "release", "--key", "carla.key", fails="nothing that is staged is for")
    desk.signed("ben")
    desk.sluis("repo", "publish", "release", "--key", "anna.key", fails="does not have the role fresh")
    published = desk.sluis("repo", "publish", "release", "--key", "fresh.key")
    assert published["staged"] == {} and [one["sequence"] for one in published["bundles"]] == [12]
    desk.sluis("verify", file, "--root", "release/metadata/1.root.json")


def test_what_does_not_fit_is_not_staged(desk: Desk) -> None:
    desk.begin()
    desk.out(12)
    desk.sluis("repo", "add", "release", desk.bundle(13, "anna", "carla"), fails="has 1 right signatures")
    desk.sluis("repo", "add", "release", desk.bundle(11), fails="is newer than sequence 11")
    (desk.folder / "files" / "more.py").write_text("")
    desk.sluis("repo", "add", "release", desk.bundle(12), fails="sequence 12 is that of")
    desk.sluis("repo", "withdraw", "release", "other.sluis", fails="is not in the repository")
    desk.sluis("repo", "show", "nowhere", fails="is no release repository")
    few = ["repo", "new", "other", "--root", "root1.pub", "--release", "anna.pub", "--fresh", "fresh.pub"]
    desk.sluis(*few, fails="the role root has 1 keys, of which 2 sign")


def test_a_key_is_rotated(desk: Desk) -> None:
    desk.begin()
    file = desk.out(12)
    staged = desk.sluis("key", "rotate", "release", "release", desk.id("ben"), "carla.pub")
    assert set(staged["staged"]) == {"root", "trust"}
    desk.signed("root1", "root3", "anna", "ben")
    desk.sluis("sign", file, "--key", "carla.key")
    desk.sluis("repo", "add", "release", file)
    desk.signed("anna", "carla")
    shown = desk.sluis("repo", "publish", "release", "--key", "fresh.key")
    assert {one["name"] for one in shown["keys"] if "release" in one["roles"]} == {"anna", "carla"}
    assert (desk.folder / "release" / "trust" / "2.json").exists()
    desk.sluis("key", "revoke", "release", "release", desk.id("anna"), fails="the role release has 1 keys, of which 2")
    desk.sluis("key", "revoke", "release", "release", desk.id("ben"), fails="does not have the role release")
    desk.sluis("key", "trust", "release", "release", "ben.pub", "--threshold", "3")


def test_people_read_what_is_going_on(desk: Desk) -> None:
    desk.begin()
    shown = CliRunner().invoke(main, ["bundle", "repo", "show", "release"]).output
    assert "anna" in shown and "Staged: the new root is signed." in shown
    assert "No bundle is in it" in shown


async def test_from_the_release_machine_to_the_gateway(desk: Desk, site: Site, run: Run, tmp_path: Path) -> None:
    desk.begin()
    file = desk.out(12)
    nobody = await run("bundle", "verify", file)
    assert nobody.exit_code == 1 and "trusts nobody" in nobody.stderr
    untrusted = await run("bundle", "import", str(desk.folder / "release"))
    assert untrusted.exit_code == 4 and "trusts nobody" in untrusted.stderr and "sluis bundle trust" in untrusted.stderr
    asked = await run("bundle", "trust", str(desk.folder / "release"), typed="y\n")
    assert asked.exit_code == 0 and "root 2, release 2, fresh 1" in asked.stdout
    looked = await run("bundle", "look", str(desk.folder / "release"))
    assert "any-0.12-12.sluis" in looked.stdout and "newest as of" in looked.stdout
    done = await run("bundle", "import", str(desk.folder / "release"))
    assert done.exit_code == 0 and "imported" in done.stdout
    listed = json.loads((await run("bundle", "list", "--json")).stdout)
    assert [(one["name"], one["state"]) for one in listed] == [("any-0.12-12.sluis", "ready")]
    stick = tmp_path / "stick"
    stick.mkdir()
    await run("bundle", "export", "any-0.12-12.sluis", str(stick))
    verified = await run("bundle", "verify", str(stick / "any-0.12-12.sluis"))
    assert verified.exit_code == 0 and "signed by" in verified.stdout
    assert (await run("bundle", "remove", "any-0.12-12.sluis")).exit_code == 0
    assert (await run("bundle", "import", str(stick))).exit_code == 0


async def test_a_large_bundle_is_read_by_the_gateway_itself(desk: Desk, site: Site, run: Run) -> None:
    desk.begin()
    desk.out(12)
    await run("bundle", "trust", str(desk.folder / "release"), typed="y\n")
    (desk.folder / "files" / "large.bin").write_bytes(bytes(1_200_000))
    done = await run("bundle", "import", desk.bundle(13))
    assert done.exit_code == 0 and "imported" in done.stdout, done.output
    assert json.loads((await run("bundle", "list", "--json")).stdout)[0]["bytes"] > 1_200_000


async def test_an_older_bundle_is_a_decision(desk: Desk, site: Site, run: Run) -> None:
    desk.begin()
    desk.out(13)
    root = str(desk.folder / "release")
    await run("bundle", "trust", root, typed="y\n")
    await run("bundle", "import", root)
    older = desk.bundle(12)
    refused = await run("bundle", "import", older)
    assert refused.exit_code == 1 and "is older than 13" in refused.stdout
    done = await run("bundle", "import", older, "--allow-older", "--reason", "13 drains batteries")
    assert done.exit_code == 0, done.output
    (entry,) = await site.audit.entries(1)
    assert (entry.action, entry.reason) == ("bundle.import", "13 drains batteries")
    forged = desk.bundle(14, "anna", "carla")
    done = await run("bundle", "import", forged, "--json")
    assert (done.exit_code, json.loads(done.stdout)[0]["code"]) == (1, "bundle.untrusted")
    assert sorted(one.suffix for one in (site.folder / "supply" / "bundles").iterdir()) == [".json", ".sluis", ".sluis"]
