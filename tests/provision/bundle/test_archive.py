"""Bundles as files: one form only, whole or refused, believed only when enough trusted keys signed."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluis.model import BundleError
from sluis.wire.signed import Damaged, Trust, Untrusted, trust_of
from sluis_provision.bundle import archive, tape
from sluis_provision.bundle.application import NothingToPack, application, folder, image
from sluis_provision.bundle.archive import opened
from sluis_provision.bundle.difference import FileChange, difference
from tests.provision.bundle.conftest import CHANGELOG, FILES, Team, esp_application, manifest_of


def believed(file: Path, trust: Trust) -> tuple[object, ...]:
    """All that a bundle yields to whoever trusts these keys."""
    bundle = opened(file)
    bundle.check(trust)
    return bundle.manifest, bundle.notes, bundle.contents()


def test_the_same_input_gives_the_same_bytes_and_any_tar_reads_them(team: Team) -> None:
    data = team.bundle()
    backwards = dict(reversed(FILES.items()))
    assert data == team.bundle(team.ben, team.anna, files=backwards)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        names = tar.getnames()
        relay = tar.extractfile("files/sluis_node/parts/relay.mpy")
        assert relay is not None
        assert relay.read() == b"relay"
    assert names == ["bundle.json", "manifest.json", *(f"files/{path}" for path in FILES)]


def test_what_is_packed_is_read(team: Team, tmp_path: Path) -> None:
    bundle = opened(team.write(tmp_path / "b.sluis"))
    assert bundle.check(team.trust()) == tuple(sorted((team.anna.public.id, team.ben.public.id)))
    assert (bundle.manifest, bundle.contents()) == (manifest_of(FILES), FILES)
    assert (bundle.notes.changelog, bundle.name) == (CHANGELOG, "any-0.12.0-12.sluis")
    entry = bundle.entry("sluis_node/app.mpy")
    assert [bundle.piece(entry, at, 7) for at in (0, 7, 595, 600, 9_999)] == [
        b"appappa",
        b"ppappap",
        b"ppapp",
        b"",
        b"",
    ]


def test_a_long_path_goes_in_too(team: Team, tmp_path: Path) -> None:
    files = {f"{'d' * 49}/{'e' * 50}": b"deep", "z" * 100: b"wide"}
    assert opened(team.write(tmp_path / "b.sluis", files=files)).contents() == files
    with tarfile.open(tmp_path / "b.sluis") as tar:
        assert tar.getnames()[2:] == [f"files/{path}" for path in files]


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_changed_byte_changes_nothing_that_is_believed(team: Team, tmp_path: Path, data: st.DataObject) -> None:
    whole = team.bundle()
    at = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.integers(1, 255))
    (tmp_path / "b.sluis").write_bytes(whole[:at] + bytes([whole[at] ^ other]) + whole[at + 1 :])
    with pytest.raises(BundleError):
        believed(tmp_path / "b.sluis", team.trust())


def test_with_signatures_to_spare_a_changed_signature_changes_nothing(team: Team, tmp_path: Path) -> None:
    whole = team.bundle(team.anna, team.ben, team.mallory)
    (tmp_path / "whole.sluis").write_bytes(whole)
    wanted = believed(tmp_path / "whole.sluis", team.trust())
    head = whole.index(b"files/")
    for at in range(0, head, 3):
        (tmp_path / "b.sluis").write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            assert believed(tmp_path / "b.sluis", team.trust()) == wanted
        except BundleError:
            pass


def test_cut_off_at_any_byte_it_is_refused(team: Team, tmp_path: Path) -> None:
    whole = team.bundle()
    for length in [*range(0, len(whole), 97), len(whole) - 1]:
        (tmp_path / "b.sluis").write_bytes(whole[:length])
        with pytest.raises(Damaged):
            opened(tmp_path / "b.sluis")
    (tmp_path / "b.sluis").write_bytes(whole + b"\0")
    with pytest.raises(Damaged, match="behind the end"):
        opened(tmp_path / "b.sluis")


@given(st.binary(max_size=2_000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_rubbish_is_no_bundle(tmp_path: Path, rubbish: bytes) -> None:
    (tmp_path / "b.sluis").write_bytes(rubbish)
    with pytest.raises(BundleError):
        opened(tmp_path / "b.sluis")


@pytest.mark.parametrize("who", ["nobody", "one", "one and a stranger", "a stranger"])
def test_too_few_signatures(team: Team, tmp_path: Path, who: str) -> None:
    by = {"one": (team.anna,), "one and a stranger": (team.anna, team.mallory), "a stranger": (team.mallory,)}.get(who)
    if by is None:
        made = archive.made(manifest_of(FILES), CHANGELOG, {})
        (tmp_path / "b.sluis").write_bytes(archive.packed(made, FILES))
    else:
        team.write(tmp_path / "b.sluis", *by)
    with pytest.raises(Untrusted, match="needs 2"):
        opened(tmp_path / "b.sluis").check(team.trust())


def parts(bundle: bytes) -> list[bytes]:
    """The members of an archive, each with its header and padding."""
    found = []
    for member in tape.members(io.BytesIO(bundle)):
        begin = member.at - tape.BLOCK
        found.append(bundle[begin : member.at + member.size + -member.size % tape.BLOCK])
    return found


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_parts_of_two_releases_do_not_make_one(team: Team, tmp_path: Path, taken: int) -> None:
    """Mix and match: each part is genuine, the whole was never released."""
    old = team.bundle(files={**FILES, "sluis_node/app.mpy": b"old" * 200}, sequence=11)
    mixed = parts(team.bundle())
    mixed[taken] = parts(old)[taken]
    (tmp_path / "b.sluis").write_bytes(b"".join(mixed) + tape.END)
    with pytest.raises(Damaged):
        believed(tmp_path / "b.sluis", team.trust())


@pytest.mark.parametrize("change", ["missing", "twice", "swapped", "extra"])
def test_files_are_those_of_the_manifest(team: Team, tmp_path: Path, change: str) -> None:
    held = parts(team.bundle())
    made = {
        "missing": held[:-1],
        "twice": [*held, held[-1]],
        "swapped": [*held[:2], held[3], held[2], *held[4:]],
        "extra": [*held, tape.padded("files/zz", b"more")],
    }[change]
    (tmp_path / "b.sluis").write_bytes(b"".join(made) + tape.END)
    with pytest.raises(Damaged):
        opened(tmp_path / "b.sluis")


@pytest.mark.parametrize(
    ("changelog", "said"),
    [
        ({"en": "x"}, "must be in en and nl"),
        ({"en": "x", "nl": "x", "de": "x"}, "must be in en and nl"),
        ({"en": "x", "nl": "  "}, "must say something"),
        ({"en": "x", "nl": "x" * 4_001}, "must say something"),
        ({"en": "x", "nl": "\x1b[2Jx"}, "that a screen would obey"),
    ],
)
def test_a_changelog_has_rules(changelog: dict[str, str], said: str) -> None:
    with pytest.raises(Damaged, match=said):
        archive.made(manifest_of(FILES), changelog, {})


def test_the_difference_of_two(team: Team, tmp_path: Path) -> None:
    old = opened(team.write(tmp_path / "old.sluis"))
    files = {"moved.mpy": FILES["sluis_node/app.mpy"], "sluis_node/parts/relay.mpy": b"RELAY!", "new.mpy": b"12"}
    new = opened(team.write(tmp_path / "new.sluis", files=files, sequence=13))
    found = difference(old, new)
    assert found.told == {"version": ("0.12.0", "0.13.0"), "sequence": (12, 13)}
    assert found.files == (
        FileChange("moved.mpy", "added", 0, 600),
        FileChange("new.mpy", "added", 0, 2),
        FileChange("sluis_node/__init__.mpy", "removed", 0, 0),
        FileChange("sluis_node/app.mpy", "removed", 600, 0),
        FileChange("sluis_node/parts/relay.mpy", "changed", 5, 6),
    )
    assert found.send_bytes == 8
    assert difference(old, old).files == ()


def test_the_firmware_packs_the_same_each_time() -> None:
    files, tools = application()
    assert "sluis_node/app.mpy" in files and "boot.py" not in files
    assert list(tools) == ["mpy-cross"]
    made = archive.made(manifest_of(files), CHANGELOG, tools)
    again, _ = application()
    assert archive.packed(made, files) == archive.packed(made, again)


def test_what_a_folder_gives(tmp_path: Path) -> None:
    with pytest.raises(NothingToPack, match="holds no files"):
        folder(tmp_path)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c.py").write_bytes(b"c")
    (tmp_path / "a.py").write_bytes(b"a")
    assert folder(tmp_path) == {"a.py": b"a", "b/c.py": b"c"}
    (tmp_path / "out").symlink_to("/etc/hostname")
    with pytest.raises(NothingToPack, match="link to another place"):
        folder(tmp_path)


def test_an_interpreter_is_for_its_chip(tmp_path: Path) -> None:
    file = tmp_path / "micropython.app-bin"
    file.write_bytes(esp_application("esp32c3", "1.29.0"))
    contents, version = image(file, "esp32c3")
    assert (list(contents), version) == (["@image"], "1.29.0")
    with pytest.raises(NothingToPack, match="made for esp32c3; the board has an esp32"):
        image(file, "esp32")
    file.write_bytes(b"\xe9" + bytes(100))
    with pytest.raises(NothingToPack, match="no application image"):
        image(file, "esp32")


def test_a_trust_can_be_met(team: Team) -> None:
    with pytest.raises(Damaged, match="threshold"):
        trust_of([team.anna.public.raw], 2)
