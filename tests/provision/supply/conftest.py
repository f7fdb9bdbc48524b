"""A release team with its repository, and a gateway's site that trusts it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tuf.api.metadata import Metadata

from sluis_provision.release import roles
from sluis_provision.release.keys import SigningKey
from sluis_provision.release.repository import Repository
from sluis_provision.supply.site import Site
from sluis_provision.supply.visit import Visit
from tests.provision.bundle.conftest import FILES, Team


def a_key(name: str) -> SigningKey:
    return SigningKey(Ed25519PrivateKey.generate(), name)


@dataclass
class Release:
    """The repository and all who hold its keys."""

    folder: Path
    work: Path
    team: Team = field(default_factory=lambda: Team(a_key("anna"), a_key("ben"), a_key("mallory")))
    roots: list[SigningKey] = field(default_factory=lambda: [a_key("root1"), a_key("root2"), a_key("root3")])
    fresh: SigningKey = field(default_factory=lambda: a_key("fresh"))

    @property
    def repository(self) -> Repository:
        return Repository(self.folder)

    def begin(self) -> None:
        holders = {"root": self.roots, "release": [self.team.anna, self.team.ben], "fresh": [self.fresh]}
        public = {role: [key.public for key in keys] for role, keys in holders.items()}
        self.repository.begin(public, threshold=2)  # type: ignore[arg-type]
        self.signed(*self.roots[:2])

    def signed(self, *by: SigningKey) -> None:
        for key in by:
            self.repository.sign(key)

    def bundle(self, sequence: int, *by: SigningKey, files: dict[str, bytes] = FILES, **other: Any) -> Path:
        file = self.work / f"{sequence}.sluis"
        return self.team.write(file, *by, files=files, sequence=sequence, **other)

    def add(self, sequence: int, *by: SigningKey) -> None:
        self.repository.add(self.bundle(sequence, *by))
        self.signed(*(by or (self.team.anna, self.team.ben)))

    def publish(self, days: int = 30) -> list[str]:
        return self.repository.publish(self.fresh, days)

    def first_root(self) -> bytes:
        return (self.folder / "metadata" / "1.root.json").read_bytes()

    def resign(self, name: str, change: Callable[[Any], None], *by: SigningKey) -> None:
        """Change a published file and sign it again, as whoever has its keys could."""
        file = self.folder / "metadata" / name
        held: Metadata[Any] = Metadata.from_file(str(file))
        change(held.signed)
        held.signatures.clear()
        for key in by:
            held.sign(roles.signer(key), append=True)
        file.write_bytes(held.to_bytes())


@pytest.fixture(scope="session")
def team() -> Team:
    return Team(a_key("anna"), a_key("ben"), a_key("mallory"))


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """Two of three hold the root, anna and ben release together, one bundle is out."""
    (tmp_path / "work").mkdir()
    made = Release(tmp_path / "release", tmp_path / "work")
    made.begin()
    made.add(12)
    made.publish()
    return made


@pytest.fixture
def site(tmp_path: Path, release: Release) -> Site:
    made = Site(tmp_path / "supply")
    made.choose(release.first_root())
    return made


Look = Callable[..., Visit]


@pytest.fixture
def look(site: Site, release: Release) -> Look:
    """A look into the repository, now or in so many days."""

    def look(source: Path | None = None, days: float = 0) -> Visit:
        return Visit(site, str(source or release.folder), datetime.now(UTC) + timedelta(days=days))

    return look
