"""Which image a run writes: the profile's, another of the catalogue, or a file that a person names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sluis_provision.flashers.problem import TooLarge, WrongImage
from sluis_provision.images import esp, uf2
from sluis_provision.images.catalogue import Runtime
from sluis_provision.images.problem import CatalogueWrong, ImageMissing
from sluis_provision.images.profiles import Profile
from sluis_provision.images.store import Store


@dataclass(frozen=True, slots=True)
class Chosen:
    """An image that was found sound for the profile."""

    name: str
    content: bytes = field(repr=False)
    at: int
    version: str
    """Of MicroPython; "" for a file of a person's own that does not say."""


def chosen(profile: Profile, wanted: str | None, known: Mapping[str, Runtime], store: Store) -> Chosen:
    """Checked: its hash, its chip, its size. Raises what is wrong with it."""
    key = wanted or profile.image
    if key in known:
        runtime = known[key]
        made = Chosen(runtime.file, store.load(runtime), runtime.at, runtime.version)
    elif wanted is None:
        raise CatalogueWrong(f"profile {profile.key} names the image {key}, which the catalogue does not have")
    else:
        made = _own(profile, Path(wanted))
    _suits(profile, made)
    return made


def _own(profile: Profile, file: Path) -> Chosen:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ImageMissing(f"{file} is neither an image of the catalogue nor a file that can be read") from error
    at = esp.loader_at(profile.chip) if profile.family == "esp" else 0
    return Chosen(file.name, content, at, _own_version(content, at) if profile.family == "esp" else "")


def _own_version(content: bytes, at: int) -> str:
    applications = [one.at - at for one in esp.partitions_of(content, at) if one.kind == 0]
    return esp.version_of(content[applications[0] : applications[0] + 256]) if applications else ""


def _suits(profile: Profile, made: Chosen) -> None:
    """WrongImage or TooLarge."""
    if profile.family == "rp2":
        written = uf2.read(made.content, made.name)
        chip, end = written.chip, written.end
    else:
        chip, end = esp.chip_of(made.content), made.at + len(made.content)
    if chip != profile.chip:
        said = f"is made for {chip}" if chip else "is no image for such a chip"
        raise WrongImage(f"{made.name} {said}; {profile.key} has an {profile.chip}")
    if end > profile.flash_bytes:
        raise TooLarge(f"{made.name} needs {end >> 10} KiB; {profile.key} has {profile.flash_bytes >> 10} KiB")
