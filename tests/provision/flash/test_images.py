"""The catalogue of images, the store that holds them, and the boards they are for."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from sluis_provision.flashers.problem import TooLarge, WrongImage
from sluis_provision.images import esp
from sluis_provision.images.catalogue import Runtime, catalogue
from sluis_provision.images.chosen import chosen
from sluis_provision.images.problem import (
    CatalogueWrong,
    HashMismatch,
    ImageMissing,
    ImageUnapproved,
    UnknownProfile,
)
from sluis_provision.images.profiles import profile, profiles
from sluis_provision.images.store import Approval, Store

CONTENT = b"an image"
HASH = hashlib.sha256(CONTENT).hexdigest()
KNOWN = Runtime("k", "BOARD", "esp32c3", "1.0", "image.bin", "https://example.org/image.bin", 0, HASH)
UNKNOWN = Runtime("u", "BOARD", "esp32c3", "1.0", "other.bin", "https://example.org/other.bin", 0)
ALL = {"k": KNOWN, "u": UNKNOWN}
WORD = Approval(HASH, "ann", "2026-11-25T06:00:00+00:00")


def test_every_profile_names_an_image_for_its_chip_and_every_image_has_a_board() -> None:
    known = catalogue()
    for one in profiles().values():
        assert known[one.image].chip == one.chip, one.key
        assert known[one.image].size <= one.flash_bytes
    assert {one.image for one in profiles().values()} == set(known)
    assert set(profiles()) == {"esp32", "esp32-c3", "esp32-s3", "pico-w", "pico-2-w"}


def test_an_image_for_an_espressif_chip_goes_where_that_chip_looks() -> None:
    for one in catalogue().values():
        if one.chip.startswith("esp"):
            assert one.at == esp.loader_at(one.chip), one.key


def test_the_catalogue_claims_a_hash_only_with_those_who_measured_it() -> None:
    for one in catalogue().values():
        assert bool(one.sha256) == (one.measured > 0), one.key


def test_a_name_that_is_nearly_right_is_helped() -> None:
    with pytest.raises(UnknownProfile) as caught:
        profile("esp32c3")
    assert "esp32-c3" in caught.value.hint


@pytest.mark.parametrize(
    "line",
    ['sha256 = "abc"', 'colour = "red"', 'file = "../up.bin"', "at = -1", 'size = "big"', "board = 1\nboard = 2"],
)
def test_a_wrong_entry_of_the_catalogue_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "runtimes.toml"
    sound = {"board": "B", "chip": "esp32", "version": "1", "file": "f.bin", "url": "u"}
    given = {key: f'{key} = "{value}"' for key, value in sound.items()} | {"at": "at = 0"}
    given[line.split(" ")[0]] = line
    file.write_text("[one]\n" + "\n".join(given.values()))
    with pytest.raises(CatalogueWrong):
        catalogue(file)


@pytest.mark.parametrize(
    "change", ["family = 'avr'", "pins = [2, 4]", "file_system = { at = 0x3FF000, size = 0x2000 }", "nonsense = 1", "["]
)
def test_a_wrong_profile_is_named(tmp_path: Path, change: str) -> None:
    from sluis.shared import shared_dir

    lines = (shared_dir("firmware") / "boards" / "esp32-c3.toml").read_text().splitlines()
    kept = [line for line in lines if not line.startswith(change.split(" ")[0])]
    (tmp_path / "esp32-c3.toml").write_text("\n".join([change, *kept]))
    with pytest.raises(CatalogueWrong, match=r"esp32-c3\.toml"):
        profiles(tmp_path)


def stick(tmp_path: Path, **files: bytes) -> Path:
    folder = tmp_path / "stick" / "deep"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / f"{name}.bin").write_bytes(content)
    return tmp_path / "stick"


def test_an_image_is_taken_by_its_hash_whatever_it_is_called(tmp_path: Path) -> None:
    store = Store(tmp_path / "images")
    (taken,) = store.take(stick(tmp_path, renamed=CONTENT), ALL, {})
    assert (taken.outcome, taken.key) == ("imported", "k")
    assert store.load(KNOWN) == CONTENT
    (again,) = store.take(tmp_path / "stick", ALL, {})
    assert again.outcome == "there"


def test_an_image_with_another_hash_is_refused_and_does_not_replace_the_good_one(tmp_path: Path) -> None:
    store = Store(tmp_path / "images")
    store.take(stick(tmp_path, image=CONTENT), ALL, {})
    (tmp_path / "stick" / "deep" / "image.bin").write_bytes(b"tampered")
    (taken,) = store.take(tmp_path / "stick", ALL, {})
    assert (taken.outcome, taken.code) == ("refused", "provision.image-hash")
    assert store.state(KNOWN) == "ready"


def test_an_image_without_a_known_hash_needs_a_persons_word_for_this_very_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "images")
    folder = stick(tmp_path, other=CONTENT)
    (taken,) = store.take(folder, {"u": UNKNOWN}, {})
    assert (taken.outcome, taken.code) == ("refused", "provision.image-unapproved")
    assert store.state(UNKNOWN) == "missing"
    (taken,) = store.take(folder, {"u": UNKNOWN}, {HASH: WORD})
    assert taken.outcome == "imported"
    assert store.state(UNKNOWN) == "approved"
    assert store.approvals()["other.bin"].by == "ann"
    store.path(UNKNOWN).write_bytes(b"another file under that name")
    assert store.state(UNKNOWN) == "damaged"
    with pytest.raises(ImageUnapproved):
        store.load(UNKNOWN)


def test_a_word_does_not_help_a_file_that_differs_from_a_known_hash(tmp_path: Path) -> None:
    store = Store(tmp_path / "images")
    other = hashlib.sha256(b"tampered").hexdigest()
    (taken,) = store.take(stick(tmp_path, image=b"tampered"), ALL, {other: WORD})
    assert taken.outcome == "refused"


def test_a_file_that_was_damaged_later_is_not_used(tmp_path: Path) -> None:
    store = Store(tmp_path / "images")
    with pytest.raises(ImageMissing):
        store.load(KNOWN)
    store.take(stick(tmp_path, image=CONTENT), ALL, {})
    store.path(KNOWN).write_bytes(CONTENT[:-1])
    with pytest.raises(HashMismatch):
        store.load(KNOWN)
    assert store.state(KNOWN) == "damaged"
    store.take(tmp_path / "stick", ALL, {})
    assert store.load(KNOWN) == CONTENT


def test_a_damaged_list_of_approvals_is_no_approval(tmp_path: Path) -> None:
    store = Store(tmp_path / "images")
    store.take(stick(tmp_path, other=CONTENT), {"u": UNKNOWN}, {HASH: WORD})
    for damage in ("", "[]", '{"other.bin": 3}', '{"other.bin": {"sha256": 1}}'):
        (tmp_path / "images" / "approved.json").write_text(damage)
        with pytest.raises(ImageUnapproved):
            store.load(UNKNOWN)


def test_a_file_of_ones_own_is_judged_by_what_it_is(tmp_path: Path) -> None:
    store = Store(tmp_path / "images")
    file = tmp_path / "mine.bin"
    board = profile("esp32-c3")
    for content, error in ((b"text", WrongImage), (head(0), WrongImage), (head(5) + bytes(5 << 20), TooLarge)):
        file.write_bytes(content)
        with pytest.raises(error):
            chosen(board, str(file), {}, store)
    file.write_bytes(head(5) + bytes(1000))
    assert chosen(board, str(file), {}, store).at == 0
    with pytest.raises(ImageMissing):
        chosen(board, str(tmp_path / "not-there.bin"), {}, store)


def head(chip_id: int) -> bytes:
    """The first bytes of an image for an Espressif chip."""
    made = bytearray(24)
    made[0] = 0xE9
    made[12] = chip_id
    return bytes(made)
