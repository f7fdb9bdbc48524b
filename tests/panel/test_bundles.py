"""Releases over the API: trust, look, import, list; each act in the audit log."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from sluis.model import Role
from sluis_provision.bundle.archive import opened
from sluis_provision.release import roles
from tests.panel.conftest import Browser, Site
from tests.provision.supply.conftest import Release

NAME = "any-0.12.0-12.sluis"


@pytest.fixture
def release(tmp_path: Path) -> Release:
    (tmp_path / "work").mkdir()
    made = Release(tmp_path / "release", tmp_path / "work")
    made.begin()
    made.add(12)
    made.publish()
    return made


def root_of(release: Release) -> dict[str, str]:
    """What a person hands in."""
    data = release.first_root()
    told = roles.print_of(roles.root_in(data).signed)
    return {"root": base64.b64encode(data).decode(), "print": told.upper()}


async def trusting(admin: Browser, release: Release) -> None:
    answer = await admin.put("/api/v1/release-trust", json={**root_of(release), "reason": "they called"})
    assert answer.status_code == 200, answer.text


def body(release: Release, **other: Any) -> dict[str, Any]:
    return {"source": str(release.folder), **other}


async def test_before_anybody_is_trusted_nothing_comes_in(admin: Browser, release: Release) -> None:
    assert (await admin.get("/api/v1/release-trust")).json() is None
    for answer in (
        await admin.post("/api/v1/bundles/look", json=body(release)),
        await admin.post("/api/v1/bundles/import", json=body(release)),
        await admin.post("/api/v1/bundles/upload", files={"bundle": release.bundle(12).read_bytes()}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "bundle.no-trust"), answer.text
    assert (await admin.get("/api/v1/bundles")).json() == []


async def test_a_root_is_trusted_by_its_print(site: Site, admin: Browser, release: Release) -> None:
    other = await admin.put("/api/v1/release-trust", json={**root_of(release), "print": "0" * 32})
    assert (other.status_code, other.json()["code"]) == (409, "bundle.other-print")
    assert (await admin.put("/api/v1/release-trust", json={"root": "%", "print": "x"})).status_code == 422
    await trusting(admin, release)
    held = (await admin.get("/api/v1/release-trust")).json()
    assert held["thresholds"] == {"root": 2, "release": 2, "fresh": 1} and held["fresh"] is None
    assert {one["name"] for one in held["keys"]} == {"root1", "root2", "root3", "anna", "ben", "fresh"}
    (entry,) = await site.audit.entries(1)
    assert (entry.action, entry.object, entry.reason) == ("bundle.trust", held["print"], "they called")


async def test_a_repository_is_looked_into_and_imported(site: Site, admin: Browser, release: Release) -> None:
    await trusting(admin, release)
    looked = (await admin.post("/api/v1/bundles/look", json=body(release))).json()
    assert [(one["name"], one["here"]) for one in looked["offers"]] == [(NAME, False)]
    assert looked["fresh"]["version"] == 1
    (taken,) = (await admin.post("/api/v1/bundles/import", json=body(release))).json()
    assert (taken["name"], taken["outcome"]) == (NAME, "imported")
    (taken,) = (await admin.post("/api/v1/bundles/import", json=body(release, names=[NAME]))).json()
    assert taken["outcome"] == "there"
    assert (await admin.post("/api/v1/bundles/look", json=body(release))).json()["offers"][0]["here"]
    (held,) = (await admin.get("/api/v1/bundles")).json()
    assert (held["name"], held["state"], held["source"]) == (NAME, "ready", str(release.folder))
    entries = [one for one in await site.audit.entries(5) if one.action == "bundle.import"]
    assert [(one.object, one.detail["older"]) for one in entries] == [(NAME, False)]
    assert (await admin.get("/api/v1/release-trust")).json()["fresh"]["version"] == 1


async def test_a_bundle_is_shown_exported_and_removed(site: Site, admin: Browser, release: Release) -> None:
    await trusting(admin, release)
    await admin.post("/api/v1/bundles/import", json=body(release))
    told = (await admin.get(f"/api/v1/bundles/{NAME}")).json()["told"]
    assert told["changelog"]["nl"].startswith("Leest de meter") and len(told["files"]) == 3
    data = (await admin.get(f"/api/v1/bundles/{NAME}/file")).content
    assert data == release.bundle(12).read_bytes()
    assert (await admin.delete(f"/api/v1/bundles/{NAME}?reason=old")).status_code == 204
    gone = await admin.get(f"/api/v1/bundles/{NAME}")
    assert (gone.status_code, gone.json()["code"]) == (404, "bundle.unknown")
    (entry,) = await site.audit.entries(1)
    assert (entry.action, entry.reason) == ("bundle.remove", "old")


async def test_a_damaged_bundle_is_listed_as_such(site: Site, admin: Browser, release: Release) -> None:
    await trusting(admin, release)
    await admin.post("/api/v1/bundles/import", json=body(release))
    file = site.folder / "supply" / "bundles" / NAME
    file.write_bytes(file.read_bytes()[:-600])
    (held,) = (await admin.get("/api/v1/bundles")).json()
    assert held["state"] == "damaged" and held["why"]
    assert (await admin.get(f"/api/v1/bundles/{NAME}")).json()["told"] == {}


async def test_an_older_one_takes_an_admin_and_a_reason(site: Site, admin: Browser, release: Release) -> None:
    await trusting(admin, release)
    release.add(13)
    release.publish()
    await admin.post("/api/v1/bundles/import", json=body(release))
    wish = body(release, names=[NAME])
    (refused,) = (await admin.post("/api/v1/bundles/import", json=wish)).json()
    assert (refused["outcome"], refused["code"]) == ("refused", "bundle.older")
    (refused,) = (await admin.post("/api/v1/bundles/import", json={**wish, "allow_older": True})).json()
    assert refused["code"] == "bundle.older"
    technician = await site.program(Role.TECHNICIAN)
    asked = {**wish, "allow_older": True, "reason": "13 drains batteries"}
    assert (await technician.post("/api/v1/bundles/import", json=asked)).status_code == 403
    (taken,) = (await admin.post("/api/v1/bundles/import", json=asked)).json()
    assert taken["outcome"] == "imported" and "older" in taken["said"]
    (entry,) = await site.audit.entries(1)
    assert (entry.object, entry.detail["older"], entry.reason) == (NAME, True, "13 drains batteries")


async def test_one_bundle_is_sent(admin: Browser, release: Release) -> None:
    await trusting(admin, release)
    file = release.bundle(14)
    made = await admin.post("/api/v1/bundles/upload", files={"bundle": ("b.sluis", file.read_bytes())})
    assert made.status_code == 201 and made.json()["manifest"] == opened(file).digest
    forged = release.bundle(15, release.team.anna, release.team.mallory).read_bytes()
    refused = await admin.post("/api/v1/bundles/upload", files={"bundle": ("b.sluis", forged)})
    assert (refused.status_code, refused.json()["code"]) == (409, "bundle.untrusted")
    older = await admin.post("/api/v1/bundles/upload", files={"bundle": ("b.sluis", release.bundle(13).read_bytes())})
    assert older.json()["code"] == "bundle.older"
    late = "/api/v1/bundles/upload?allow_older=true&reason=tests"
    assert (await admin.post(late, files={"bundle": release.bundle(13).read_bytes()})).status_code == 201


async def test_one_bundle_on_a_stick_is_read(site: Site, admin: Browser, release: Release) -> None:
    await trusting(admin, release)
    file = release.bundle(14)
    (taken,) = (await admin.post("/api/v1/bundles/import", json={"source": str(file)})).json()
    assert (taken["name"], taken["outcome"]) == ("14.sluis", "imported")
    (held,) = (await admin.get("/api/v1/bundles")).json()
    assert (held["name"], held["source"]) == ("any-0.14.0-14.sluis", str(file))
    (gone,) = (await admin.post("/api/v1/bundles/import", json={"source": str(file) + "x.sluis"})).json()
    assert (gone["outcome"], gone["code"]) == ("refused", "bundle.damaged")


async def test_a_technician_goes_to_no_other_address(site: Site, release: Release) -> None:
    technician = await site.program(Role.TECHNICIAN)
    answer = await technician.post("/api/v1/bundles/look", json={"source": "http://192.0.2.1/"})
    assert (answer.status_code, answer.json()["code"]) == (403, "auth.forbidden")
    nothing = await technician.post("/api/v1/bundles/look", json={})
    assert (nothing.status_code, nothing.json()["code"]) == (422, "api.invalid")
