"""The roads a repository comes by: a web server with TLS, and a stick."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sluis.links.site_ca import SiteCa
from sluis.wire.signed import Damaged
from sluis_provision.bundle.archive import opened
from sluis_provision.supply.imported import Imported, Word
from sluis_provision.supply.mirror import mirror
from sluis_provision.supply.problem import Unreachable
from sluis_provision.supply.site import Site
from sluis_provision.supply.visit import Visit
from tests.provision.supply.conftest import Look, Release, a_key

NAME = "any-0.12.0-12.sluis"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *words: object) -> None:
        pass


@contextmanager
def web(folder: Path, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address of a web server for a folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def test_over_https(release: Release, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = SiteCa(tmp_path / "pki", "Test")
    server = made.server(["127.0.0.1"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(server.certificate, server.key)
    with web(release.folder, tls) as address:
        with pytest.raises(Unreachable):
            Visit(site, address, datetime.now(UTC))
        monkeypatch.setenv("SSL_CERT_FILE", str(made.ca.certificate))
        visit = Visit(site, address, datetime.now(UTC))
        visit.fetch(NAME, tmp_path / "got")
    assert opened(tmp_path / "got").check(site.trust(None))


def test_a_mirror_on_a_stick_is_the_repository(release: Release, site: Site, look: Look, tmp_path: Path) -> None:
    stick = tmp_path / "stick" / "release"
    with web(release.folder) as address:
        made = mirror(address, stick)
        assert (made.bundles, made.freshness.version) == ((NAME,), 1)
        assert look(stick).offers == look().offers
        release.add(13)
        carla = a_key("carla")
        release.repository.change("release", [carla.public])
        release.signed(*release.roots[:2], release.team.anna, release.team.ben)
        release.publish()
        (bundle,) = (stick / "targets").iterdir()
        before = bundle.stat().st_mtime_ns
        assert len(mirror(address, stick).bundles) == 2
    assert bundle.stat().st_mtime_ns == before, "what was there was not fetched again"
    published = {path.relative_to(release.folder) for path in release.folder.rglob("*.json")}
    copied = {path.relative_to(stick) for path in stick.rglob("*.json")}
    assert copied >= {path for path in published if path.parts[0] == "trust" or "root" in path.name}
    visit = look(stick)
    visit.fetch("any-0.13.0-13.sluis", tmp_path / "got")
    assert (visit.handed_down, len(visit.offers)) == ((2,), 2)


def test_a_mirror_of_something_broken_is_not_made(release: Release, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    mirror(str(release.folder), stick)
    release.add(13)
    release.publish()
    file = next(one for one in (release.folder / "targets").iterdir() if "0.13.0" in one.name)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(Damaged):
        mirror(str(release.folder), stick)
    assert len(Visit(trusting(release, tmp_path), str(stick), None).offers) == 1, "the older copy still stands"
    with pytest.raises(Unreachable):
        mirror(str(tmp_path / "nowhere"), stick)
    (tmp_path / "file").write_text("")
    with pytest.raises(Unreachable, match="cannot be written"):
        mirror(str(stick), tmp_path / "file" / "sub")


def trusting(release: Release, folder: Path) -> Site:
    made = Site(folder / "other-site")
    made.choose(release.first_root())
    return made


def test_a_server_that_is_gone(site: Site) -> None:
    with pytest.raises(Unreachable):
        Visit(site, "http://127.0.0.1:9", datetime.now(UTC))


def test_a_stick_carries_what_a_server_would(release: Release, site: Site, look: Look, tmp_path: Path) -> None:
    """A gateway that heard of one release over the network gets the next from a stick, and the other way round."""
    with web(release.folder) as address:
        Visit(site, address, datetime.now(UTC))
    release.add(13)
    release.publish()
    stick = tmp_path / "stick"
    release.folder.rename(stick)
    visit = look(stick)
    imported = Imported(tmp_path / "bundles")
    for offer in visit.offers:
        imported.take(visit.bringing(offer.name), site.trust(None), datetime.now(UTC), Word("anna", 1, str(stick)))
    assert [one.sequence for one in imported.records()] == [13, 12]
