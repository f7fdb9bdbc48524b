"""`sluis bundle` on a release machine: from a folder to a signed bundle."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sluis.cli import main
from sluis.wire.manifest import parse
from sluis.wire.signed import check, parse_trust, read
from sluis_provision.bundle.ed25519 import verified
from sluis_provision.release import keys
from tests.provision.bundle.conftest import esp_application

WORDS = "four random words here"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two keys, files and a changelog."""
    monkeypatch.setenv("SLUIS_KEY_PASSPHRASE", WORDS)
    monkeypatch.chdir(tmp_path)
    for name in ("anna", "ben"):
        keys.new(tmp_path / f"{name}.key", name, WORDS, cost=2**10)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "main.py").write_text("print('hello')\n")
    (tmp_path / "changes.toml").write_text('en = "Says hello."\nnl = "Zegt hallo."\n')
    return tmp_path


def sluis(*words: str) -> Result:
    return CliRunner().invoke(main, ["--data-dir", "no-gateway", *words])


def build(*words: str, sequence: int = 12) -> Result:
    usual = ["--version", "0.2.0", "--sequence", str(sequence), "--expires", "2033-05-18", "--changes", "changes.toml"]
    return sluis("bundle", "build", *usual, *words)


def told(done: Result) -> Any:
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_from_a_folder_to_a_bundle_that_two_people_signed(desk: Path) -> None:
    made = told(build(".", "--folder", "files", "--json"))
    assert made["file"] == "any-0.2.0-12.sluis"
    assert "signed by" in sluis("bundle", "sign", made["file"], "--key", "anna.key").output
    unmet = ["bundle", "verify", made["file"], "--key", "anna.pub", "--key", "ben.pub", "--threshold", "2"]
    done = sluis(*unmet)
    assert done.exit_code == 1 and "needs 2" in done.stderr
    sluis("bundle", "sign", made["file"], "--key", "ben.key")
    assert len(told(sluis(*unmet, "--json"))["signed_by"]) == 2
    shown = sluis("bundle", "inspect", made["file"], "--language", "nl").output
    assert "Zegt hallo." in shown and "main.py" in shown and "2033-05-18" in shown
    held = told(sluis("bundle", "inspect", made["file"], "--json"))
    assert (held["expires"], held["manifest"], held["files"][0]["path"]) == (1_999_987_200, made["manifest"], "main.py")


def test_a_new_node_starts_with_a_release(desk: Path) -> None:
    file = told(build(".", "--folder", "files", "--json"))["file"]
    sluis("bundle", "sign", file, "--key", "anna.key")
    made = told(sluis("bundle", "unpack", file, "node", "--key", "anna.pub", "--json"))
    assert made["files"] == ["/a/@signed", "/a/main.py", "/boot.py", "/main.py", "/trust.json"]
    trust = parse_trust((desk / "node" / "trust.json").read_bytes())
    envelope = read((desk / "node" / "a" / "@signed").read_bytes(), "manifest")
    check(envelope, trust, verified)
    (entry,) = parse(envelope.document).files
    assert entry.sha256 == hashlib.sha256((desk / "node" / "a" / entry.path).read_bytes()).hexdigest()
    again = sluis("bundle", "unpack", file, "node", "--key", "anna.pub")
    assert again.exit_code == 1 and "is there already" in again.stderr
    stranger = sluis("bundle", "unpack", file, "other", "--key", "ben.pub")
    assert stranger.exit_code == 1 and "needs 1" in stranger.stderr and not (desk / "other").exists()


def test_no_node_starts_with_an_interpreter_alone(desk: Path) -> None:
    (desk / "mp.app-bin").write_bytes(esp_application("esp32c3", "1.29.0"))
    file = told(build(".", "--image", "mp.app-bin", "--board", "esp32-c3", "--json"))["file"]
    sluis("bundle", "sign", file, "--key", "anna.key")
    done = sluis("bundle", "unpack", file, "node", "--key", "anna.pub")
    assert done.exit_code == 1 and "is an interpreter" in done.stderr


def test_building_twice_gives_the_same(desk: Path) -> None:
    build("a.sluis", "--folder", "files")
    build("b.sluis", "--folder", "files")
    assert (desk / "a.sluis").read_bytes() == (desk / "b.sluis").read_bytes()


def test_a_diff_says_what_a_node_is_sent(desk: Path) -> None:
    build("old.sluis", "--folder", "files")
    (desk / "files" / "more.py").write_text("x = 1\n")
    build("new.sluis", "--folder", "files", sequence=13)
    found = told(sluis("bundle", "diff", "old.sluis", "new.sluis", "--json"))
    assert found["files"] == [{"path": "more.py", "change": "added", "before": 0, "after": 6}]
    assert (found["told"], found["send_bytes"]) == ({"sequence": [12, 13]}, 6)
    assert "is sent 6 B" in sluis("bundle", "diff", "old.sluis", "new.sluis").output


def test_an_interpreter_is_packed_for_its_board(desk: Path) -> None:
    (desk / "mp.app-bin").write_bytes(esp_application("esp32c3", "1.29.0"))
    made = told(build(".", "--image", "mp.app-bin", "--board", "esp32-c3", "--json"))
    held = told(sluis("bundle", "inspect", made["file"], "--json"))
    assert (held["files"][0]["path"], held["tools"]) == ("@image", {"micropython": "1.29.0"})
    wrong = build(".", "--image", "mp.app-bin", "--board", "esp32")
    assert wrong.exit_code == 1 and "is made for esp32c3" in wrong.stderr
    unknown = build(".", "--image", "mp.app-bin")
    assert unknown.exit_code == 1 and "no board profile 'any'" in unknown.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--folder", "files", "--from", "12"], "not below its own sequence"),
        (["--folder", "files", "--board", "Pico"], "board must be"),
        (["--folder", "files", "--runtime", "new"], "runtime must be"),
        (["--folder", "files", "--image", "x"], "do not go together"),
        (["--folder", "no-such"], "holds no files"),
    ],
)
def test_what_cannot_be_built_is_said(desk: Path, words: list[str], said: str) -> None:
    done = build(".", *words)
    assert done.exit_code != 0 and said in done.stderr


def test_a_changelog_in_one_language_is_not_enough(desk: Path) -> None:
    (desk / "changes.toml").write_text('en = "Says hello."\n')
    done = build(".", "--folder", "files")
    assert done.exit_code == 1 and "two languages" in done.stderr


def test_a_key_is_made_and_shown(desk: Path) -> None:
    made = told(sluis("bundle", "key", "new", "carla.key", "--json"))
    assert made["name"] == "carla" and made["print"].startswith(made["id"])
    shown = sluis("bundle", "key", "list", "carla.pub", "anna.key").output
    assert made["id"] in shown and "anna" in shown
    again = sluis("bundle", "key", "new", "carla.key")
    assert again.exit_code == 1 and "is there already" in again.stderr


def test_no_key_in_the_data_folder(desk: Path) -> None:
    (desk / "no-gateway").mkdir()
    done = sluis("bundle", "key", "new", "no-gateway/carla.key")
    assert done.exit_code == 1 and "in the data folder of a gateway" in done.stderr
    assert "another machine" in done.stderr
    assert not list((desk / "no-gateway").iterdir())


def test_a_wrong_passphrase_is_said(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build("a.sluis", "--folder", "files")
    before = (desk / "a.sluis").read_bytes()
    monkeypatch.setenv("SLUIS_KEY_PASSPHRASE", "something else entirely")
    done = sluis("bundle", "sign", "a.sluis", "--key", "anna.key")
    assert done.exit_code == 1 and "does not open anna.key" in done.stderr
    assert (desk / "a.sluis").read_bytes() == before


def test_an_expired_bundle_is_not_verified(desk: Path) -> None:
    build("a.sluis", "--folder", "files", "--expires", "2020-01-01")
    sluis("bundle", "sign", "a.sluis", "--key", "anna.key")
    done = sluis("bundle", "verify", "a.sluis", "--key", "anna.pub")
    assert done.exit_code == 1 and "was released until 2020-01-01" in done.stderr


def test_a_file_that_is_none_is_said(desk: Path) -> None:
    done = sluis("bundle", "inspect", "nowhere.sluis")
    assert done.exit_code == 1 and "cannot be read" in done.stderr
    done = sluis("bundle", "inspect", "changes.toml")
    assert done.exit_code == 1 and "cut off" in done.stderr
