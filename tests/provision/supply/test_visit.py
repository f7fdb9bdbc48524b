"""A gateway looks into a repository: what it believes, what it refuses, what it only warns of."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluis.model import BundleError
from sluis.wire.manifest import OutOfDate
from sluis.wire.signed import Damaged, Untrusted, next_trust, read
from sluis_provision.bundle.archive import opened
from sluis_provision.bundle.ed25519 import verified
from sluis_provision.release import roles
from sluis_provision.release.problem import RepositoryError
from sluis_provision.supply.problem import NoSuchBundle, NothingTrusted, StaleRepository, Unreachable
from sluis_provision.supply.site import Site, anchor_of, find_root
from sluis_provision.supply.visit import Visit, freshness
from tests.provision.supply.conftest import Look, Release, a_key

NAME = "any-0.12.0-12.sluis"


def test_what_is_offered_is_fetched(release: Release, site: Site, look: Look, tmp_path: Path) -> None:
    visit = look()
    (offer,) = visit.offers
    assert (offer.name, offer.told["sequence"], offer.told["board"]) == (NAME, 12, "any")
    visit.fetch(NAME, tmp_path / "got")
    assert opened(tmp_path / "got").check(site.trust(datetime.now(UTC)))
    assert (tmp_path / "got").read_bytes() == release.bundle(12).read_bytes()
    with pytest.raises(NoSuchBundle):
        visit.fetch("other.sluis", tmp_path / "got")


def test_nothing_is_believed_before_somebody_is_trusted(release: Release, tmp_path: Path) -> None:
    with pytest.raises(NothingTrusted):
        Visit(Site(tmp_path / "new"), str(release.folder), None)


def test_a_root_is_shown_in_words(release: Release) -> None:
    root = roles.root_in(find_root(release.folder)).signed
    anchor = anchor_of(root)
    assert (anchor.version, anchor.thresholds) == (1, {"root": 2, "release": 2, "fresh": 1})
    assert {(one.key.name, one.roles) for one in anchor.holders} == {
        ("root1", ("root",)), ("root2", ("root",)), ("root3", ("root",)),
        ("anna", ("release",)), ("ben", ("release",)), ("fresh", ("fresh",)),
    }  # fmt: skip
    assert len(anchor.print) == 32


def test_a_root_that_one_key_may_change_is_refused(release: Release, site: Site) -> None:
    def weaken(root: Any) -> None:
        root.roles["root"].threshold = 1

    release.resign("1.root.json", weaken, *release.roots)
    with pytest.raises(Damaged, match="must need 2"):
        site.choose(release.first_root())


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"{", b'{"signed": {}, "signatures": []}'])
def test_what_is_no_root_is_refused(site: Site, data: bytes) -> None:
    with pytest.raises(Damaged):
        site.choose(data)


def test_a_root_with_too_few_of_its_own_signatures_is_refused(release: Release, site: Site) -> None:
    release.resign("1.root.json", lambda root: None, release.roots[0])
    with pytest.raises(Damaged, match="own keys did not sign"):
        site.choose(release.first_root())


# -- freshness may warn -----------------------------------------------------------------------------------


def test_a_late_timestamp_warns_and_its_age_is_known(release: Release, look: Look, tmp_path: Path) -> None:
    visit = look(days=31)
    assert visit.freshness.late is True
    age_s = visit.freshness.age_s(datetime.now(UTC) + timedelta(days=31))
    assert age_s is not None and 30.9 * 86_400 < age_s < 31.1 * 86_400
    visit.fetch(NAME, tmp_path / "got")
    assert look(days=1).freshness.late is False


def test_without_a_time_nothing_is_called_late(release: Release, site: Site) -> None:
    visit = Visit(site, str(release.folder), None)
    assert visit.freshness.late is None and len(visit.offers) == 1


def test_freshness_is_known_between_visits(release: Release, site: Site, look: Look) -> None:
    assert freshness(site, None) is None
    look()
    seen = freshness(site, datetime.now(UTC))
    assert seen is not None and seen.version == 1 and seen.made is not None


def test_a_frozen_repository_is_late_and_never_older(release: Release, look: Look, tmp_path: Path) -> None:
    """Freeze: somebody goes on showing what was true once."""
    frozen = tmp_path / "frozen"
    shutil.copytree(release.folder, frozen)
    release.add(13)
    release.publish()
    assert look(frozen).freshness.version == 1
    assert [one.told["sequence"] for one in look().offers] == [12, 13]
    with pytest.raises(StaleRepository):
        look(frozen)


# -- authenticity is never waived -------------------------------------------------------------------------


def test_an_expired_list_of_bundles_is_refused(release: Release, look: Look) -> None:
    with pytest.raises(OutOfDate, match="list of bundles"):
        look(days=2 * 365 + 1)


def test_an_expired_root_is_refused(release: Release, look: Look) -> None:
    with pytest.raises(OutOfDate, match="root expired"):
        look(days=3 * 365 + 1)


@pytest.mark.parametrize(
    ("name", "part"),
    [("timestamp.json", "fresh"), ("1.snapshot.json", "fresh"), ("1.targets.json", "release")],
)
def test_a_strangers_signature_is_refused(release: Release, look: Look, name: str, part: str) -> None:
    release.resign(name, lambda held: setattr(held, "version", held.version), release.team.mallory)
    with pytest.raises(Untrusted):
        look()


def test_one_of_two_releasers_is_not_enough(release: Release, look: Look) -> None:
    release.resign("1.targets.json", lambda held: None, release.team.anna)
    with pytest.raises(Untrusted):
        look()


def test_another_bundle_under_the_same_name_is_refused(release: Release, look: Look, tmp_path: Path) -> None:
    (file,) = (release.folder / "targets").iterdir()
    data = bytearray(file.read_bytes())
    data[-2_000] ^= 1
    file.write_bytes(data)
    with pytest.raises(Damaged):
        look().fetch(NAME, tmp_path / "got")
    assert not (tmp_path / "got").exists()
    file.write_bytes(bytes(data) + b"more")
    with pytest.raises(Damaged):
        look().fetch(NAME, tmp_path / "got")


def test_old_lists_with_a_new_timestamp_are_refused(release: Release, look: Look, tmp_path: Path) -> None:
    """Mix and match: who has the key for freshness only cannot bring back an old list of bundles."""
    release.add(13)
    release.publish()
    look()

    def back(timestamp: Any) -> None:
        timestamp.version += 1
        timestamp.snapshot_meta.version = 1

    release.resign("timestamp.json", back, release.fresh)
    with pytest.raises(StaleRepository):
        look()


def test_an_old_list_in_a_new_snapshot_is_refused(release: Release, look: Look) -> None:
    release.add(13)
    release.publish()
    look()

    def newer(held: Any) -> None:
        held.version += 1

    def back(snapshot: Any) -> None:
        snapshot.version += 1
        snapshot.meta["targets.json"].version = 1

    release.resign("2.snapshot.json", back, release.fresh)
    (release.folder / "metadata" / "2.snapshot.json").rename(release.folder / "metadata" / "3.snapshot.json")

    def point(timestamp: Any) -> None:
        newer(timestamp)
        timestamp.snapshot_meta.version = 3

    release.resign("timestamp.json", point, release.fresh)
    with pytest.raises(StaleRepository):
        look()


def test_another_teams_repository_is_refused(release: Release, look: Look, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Release(tmp_path / "their", tmp_path / "other")
    other.begin()
    other.add(99)
    other.publish()
    with pytest.raises(Untrusted):
        look(other.folder)


@pytest.mark.parametrize("name", ["timestamp.json", "1.snapshot.json", "1.targets.json"])
def test_cut_off_lists_are_refused(release: Release, look: Look, name: str) -> None:
    file = release.folder / "metadata" / name
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(BundleError):
        look()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_changed_byte_in_the_lists_changes_no_offer(release: Release, tmp_path: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["timestamp.json", "1.snapshot.json", "1.targets.json"]))
    file = release.folder / "metadata" / name
    whole = file.read_bytes()
    at, other = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(1, 255))
    fresh = Site(tmp_path / "fresh")
    shutil.rmtree(fresh.folder, ignore_errors=True)
    fresh.choose(release.first_root())
    good = Visit(fresh, str(release.folder), None).offers
    shutil.rmtree(fresh.folder)
    fresh.choose(release.first_root())
    file.write_bytes(whole[:at] + bytes([whole[at] ^ other]) + whole[at + 1 :])
    try:
        assert Visit(fresh, str(release.folder), None).offers == good
    except BundleError:
        pass
    finally:
        file.write_bytes(whole)


def test_a_stick_that_is_not_there(look: Look, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="neither the address"):
        look(tmp_path / "no-stick")


def test_a_stick_that_is_pulled(release: Release, look: Look, tmp_path: Path) -> None:
    visit = look()
    shutil.rmtree(release.folder / "targets")
    with pytest.raises(Unreachable):
        visit.fetch(NAME, tmp_path / "got")


def test_a_link_out_of_the_stick_is_not_followed(release: Release, look: Look, tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    file = release.folder / "metadata" / "timestamp.json"
    shutil.move(file, outside)
    file.symlink_to(outside)
    with pytest.raises(Unreachable):
        look()


# -- keys follow each other -------------------------------------------------------------------------------


def rotate(release: Release, *by: Any) -> Any:
    """Ben goes, carla comes."""
    carla = a_key("carla")
    release.repository.change("release", [carla.public], [release.team.ben.public.id])
    release.signed(*release.roots[1:])
    return carla


def test_release_keys_rotate_and_nodes_hear_it_from_the_old_ones(release: Release, site: Site, look: Look) -> None:
    look()
    before = site.trust(None)
    carla = rotate(release)
    release.repository.withdraw(NAME)
    release.signed(release.team.anna, release.team.ben, carla)
    release.repository.add(release.bundle(13, release.team.anna, carla))
    release.signed(release.team.anna, carla)
    assert release.publish() == ["trust", "root", "targets", "timestamp"]
    assert look().handed_down == (2,)
    now = site.trust(None)
    assert set(now.keys) == {release.team.anna.public.id, carla.public.id} and now.sequence == 2
    assert next_trust(before, read(site.handed_down()[2], "trust"), verified) == now
    with pytest.raises(Untrusted):
        opened(release.bundle(12)).check(now)


def test_a_revoked_key_releases_nothing_more(release: Release, look: Look, tmp_path: Path) -> None:
    carla = rotate(release)
    with pytest.raises(RepositoryError, match="needs 2 more signatures"):
        release.publish()
    release.signed(release.team.anna, release.team.ben)
    with pytest.raises(RepositoryError, match="list of bundles is signed by keys"):
        release.publish()
    release.repository.renew()
    release.signed(release.team.anna, carla)
    with pytest.raises(RepositoryError, match=f"{NAME} is signed by keys that are trusted no more"):
        release.publish()
    release.repository.add(release.bundle(12, release.team.anna, carla))
    release.signed(release.team.anna, carla)
    release.publish()
    visit = look()
    visit.fetch(NAME, tmp_path / "got")
    assert opened(tmp_path / "got").check(visit._site.trust(None))


def test_nodes_are_left_behind_only_when_somebody_says_so(release: Release, site: Site, look: Look) -> None:
    look()
    carla = rotate(release)
    release.repository.add(release.bundle(12, release.team.anna, carla))
    release.repository.sign(carla)
    release.repository.sign(release.team.anna)
    with pytest.raises(RepositoryError, match="the new trust needs 1 more"):
        release.publish()
    assert "trust" not in release.repository.publish(release.fresh, without_nodes=True)
    assert look().handed_down == ()
    assert site.trust(None).sequence == 2 and site.handed_down() == {}


def test_a_forged_handing_down_is_refused(release: Release, site: Site, look: Look) -> None:
    carla = rotate(release)
    release.repository.add(release.bundle(12, release.team.anna, carla))
    release.signed(release.team.anna, release.team.ben, carla)
    release.publish()
    file = release.folder / "trust" / "2.json"
    told = json.loads(file.read_bytes())
    file.write_text(json.dumps({**told, "signatures": told["signatures"][:1]}))
    with pytest.raises(Untrusted):
        look()


def test_the_root_itself_rotates(release: Release, site: Site, look: Look) -> None:
    look()
    new = a_key("root4")
    release.repository.change("root", [new.public], [release.roots[0].public.id])
    release.signed(new)
    with pytest.raises(RepositoryError, match="more signatures"):
        release.publish()
    release.signed(release.roots[1])
    with pytest.raises(RepositoryError, match="the new root needs 1 more"):
        release.publish()
    release.signed(release.roots[2])
    release.publish()
    look()
    assert site.root().version == 2
    assert new.public.id in {one.key.id for one in anchor_of(site.root()).holders}
    assert site.trust(None).sequence == 1


def test_a_root_by_new_keys_alone_is_not_followed(release: Release, site: Site, look: Look) -> None:
    """Who took the repository over makes a root of their own; the one before did not sign it."""
    theirs = [a_key("x"), a_key("y")]
    forged = roles.root_in(release.first_root())
    forged.signed.version = 2
    for old in release.roots:
        forged.signed.revoke_key(old.public.id, "root")
    roles.give(forged.signed, "root", [key.public for key in theirs])
    forged.signatures.clear()
    for key in theirs:
        forged.sign(roles.signer(key), append=True)
    (release.folder / "metadata" / "2.root.json").write_bytes(forged.to_bytes())
    with pytest.raises(Untrusted):
        look()
    assert site.root().version == 1


def test_the_key_for_freshness_rotates_alone(release: Release, site: Site, look: Look) -> None:
    look()
    other = a_key("fresh2")
    release.repository.change("fresh", [other.public], [release.fresh.public.id])
    release.signed(*release.roots[:2])
    with pytest.raises(RepositoryError, match="does not have the role fresh"):
        release.publish()
    assert release.repository.publish(other) == ["root", "timestamp"]
    assert look().freshness.version == 2


def test_trusting_another_root_forgets_what_the_first_said(
    release: Release, site: Site, look: Look, tmp_path: Path
) -> None:
    look()
    (tmp_path / "other").mkdir()
    other = Release(tmp_path / "their", tmp_path / "other")
    other.begin()
    other.add(5)
    other.publish()
    site.choose(other.first_root())
    assert freshness(site, None) is None
    assert [one.told["sequence"] for one in look(other.folder).offers] == [5]


def test_trusting_the_same_root_again_keeps_what_is_known(release: Release, site: Site, look: Look) -> None:
    look()
    site.choose(release.first_root())
    assert freshness(site, None) is not None
