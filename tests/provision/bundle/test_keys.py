"""Keys that sign: opened by their passphrase only, and never where a gateway keeps its data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sluis_provision.bundle.ed25519 import verified
from sluis_provision.release import keys
from sluis_provision.release.problem import BadKey, KeyLocked, KeyOnGateway

WORDS = "four random words here"
QUICK = 2**10


def test_a_key_opens_with_its_passphrase_only(tmp_path: Path) -> None:
    made = keys.new(tmp_path / "anna.key", "anna", WORDS, cost=QUICK)
    assert (tmp_path / "anna.key").stat().st_mode & 0o777 == 0o600
    held = keys.opened(tmp_path / "anna.key", WORDS)
    assert verified(made.public.raw, held.sign(b"text"), b"text")
    with pytest.raises(KeyLocked):
        keys.opened(tmp_path / "anna.key", WORDS + "!")
    assert made.private.private_bytes_raw() not in (tmp_path / "anna.key").read_bytes()


def test_its_public_part_needs_no_passphrase(tmp_path: Path) -> None:
    made = keys.new(tmp_path / "anna.key", "anna", WORDS, cost=QUICK)
    assert keys.public_key(tmp_path / "anna.pub") == keys.public_key(tmp_path / "anna.key") == made.public


def test_a_key_is_not_overwritten(tmp_path: Path) -> None:
    keys.new(tmp_path / "anna.key", "anna", WORDS, cost=QUICK)
    with pytest.raises(BadKey, match="is there already"):
        keys.new(tmp_path / "anna.key", "anna", WORDS, cost=QUICK)


@pytest.mark.parametrize("name", ["", "two words", "x" * 41, "a\x1bb"])
def test_a_name_is_one_word(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadKey, match="cannot be a key's name"):
        keys.new(tmp_path / "a.key", name, WORDS, cost=QUICK)


def test_a_short_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadKey, match="at least 12"):
        keys.new(tmp_path / "a.key", "anna", "eleven char", cost=QUICK)


@pytest.mark.parametrize("sign", keys.GATEWAY_SIGNS)
@pytest.mark.parametrize("where", ["", "keys", "keys/of/ours"])
def test_no_key_is_made_or_opened_on_a_gateway(tmp_path: Path, sign: str, where: str) -> None:
    data, away = tmp_path / "data", tmp_path / "away"
    away.mkdir()
    (data / where).mkdir(parents=True)
    keys.new(away / "anna.key", "anna", WORDS, cost=QUICK)
    (data / sign).parent.mkdir(exist_ok=True)
    (data / sign).write_text("")
    with pytest.raises(KeyOnGateway):
        keys.new(data / where / "ben.key", "ben", WORDS, cost=QUICK)
    (data / where / "anna.key").write_bytes((away / "anna.key").read_bytes())
    with pytest.raises(KeyOnGateway):
        keys.opened(data / where / "anna.key", WORDS)
    (away / "link").symlink_to(data)
    with pytest.raises(KeyOnGateway):
        keys.new(away / "link" / where / "ben.key", "ben", WORDS, cost=QUICK)


def test_the_data_folder_that_is_named_counts_before_a_gateway_ran_there(tmp_path: Path) -> None:
    with pytest.raises(KeyOnGateway):
        keys.refuse_gateway(tmp_path / "sub" / "a.key", tmp_path)
    keys.refuse_gateway(tmp_path / "a.key", tmp_path / "elsewhere")


@pytest.mark.parametrize(
    "change",
    [
        {"name": "mallory"},
        {"key": "0" * 16},
        {"sealed": "AAAA"},
        {"scrypt": {"n": 2**30, "r": 8, "p": 1, "salt": "AAAA"}},
        {"scrypt": {"n": 3, "r": 8, "p": 1, "salt": "AAAA"}},
        {"scrypt": None},
    ],
)
def test_a_changed_key_file_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    file = tmp_path / "anna.key"
    keys.new(file, "anna", WORDS, cost=QUICK)
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises((BadKey, KeyLocked)):
        keys.opened(file, WORDS)


@pytest.mark.parametrize("text", ["", "ssh-ed25519 AAAA anna", "sluis-release AAAA anna", "{}", "[]", "sluis-release"])
def test_what_is_no_key_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.pub").write_text(text)
    with pytest.raises(BadKey):
        keys.public_key(tmp_path / "a.pub")
    with pytest.raises(BadKey):
        keys.opened(tmp_path / "a.pub", WORDS)
