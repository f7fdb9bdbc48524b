"""One look into a release repository, with python-tuf's client (TUF specification 1.0.34, section 5).

Authenticity is python-tuf's: roles, thresholds, versions that never go down, hashes. Freshness is ours: python-tuf
stops at an expired timestamp, which would leave a site without internet with nothing, and people who then turn checks
off. So its clock is held at 1970, where nothing has expired, and what expired is judged here: a root and a list of
bundles are refused, a timestamp and a snapshot are late, which is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tuf.api import exceptions as tuf_says
from tuf.api.metadata import Metadata, Snapshot, TargetFile, Targets, Timestamp
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface
from tuf.ngclient.urllib3_fetcher import Urllib3Fetcher

from sluis.model import SluisError
from sluis.wire.manifest import OutOfDate
from sluis.wire.signed import Damaged, Untrusted
from sluis_provision.bundle.archive import BUNDLE_BYTES_MAX
from sluis_provision.gateway.content import is_gateway, this_kind
from sluis_provision.release.repository import CUSTOM, MADE
from sluis_provision.supply.problem import NoSuchBundle, StaleRepository, Unreachable
from sluis_provision.supply.site import Site

NEVER_EXPIRED = datetime(1970, 1, 1, tzinfo=UTC)

TRUST_BYTES_MAX = 64 * 1024
PATIENCE_S = 30
PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Freshness:
    """How new what was seen is."""

    version: int
    """Of the timestamp: goes up each time somebody says what is newest."""
    made: datetime | None
    """When that was; None when it does not say."""
    until: datetime
    """From then on it is late."""
    late: bool | None
    """None where the time is not known."""

    def age_s(self, now: datetime) -> float | None:
        return None if self.made is None else max(0.0, (now - self.made).total_seconds())


@dataclass(frozen=True, slots=True)
class Offer:
    """A bundle in a repository, as its list describes it."""

    name: str
    bytes: int
    sha256: str
    told: dict[str, Any]
    """`board`, `version`, `sequence`, `runtime`, `from`, `expires`, `manifest`."""


class Visit:
    """A repository, found authentic. Blocks: for a thread.

    Unreachable, StaleRepository, Untrusted, Damaged or OutOfDate when it cannot be believed; nothing is taken then.
    """

    def __init__(self, site: Site, source: str, now: datetime | None) -> None:
        self.source = source
        self._site = site
        self._fetcher, base = fetcher_of(source)
        self._base = base
        site.metadata.mkdir(parents=True, exist_ok=True)
        with translated(source):
            self._updater = Updater(
                str(site.metadata),
                f"{base}/metadata/",
                target_base_url=f"{base}/targets/",
                fetcher=self._fetcher,
                bootstrap=site.chosen(),
            )
            self._updater._trusted_set.reference_time = NEVER_EXPIRED
            self._updater.refresh()
        seen = freshness(site, now)
        assert seen is not None
        self.freshness: Freshness = seen
        self._targets = self._judged(now)
        self.offers = tuple(_offer(target) for _, target in sorted(self._targets.targets.items()))
        self.handed_down = self._hand_down()

    def fetch(self, name: str, into: Path) -> Offer:
        """Get a bundle, with its hash as the list says. NoSuchBundle when it is not in the list."""
        target = self._targets.targets.get(name)
        if target is None:
            raise NoSuchBundle(f"{name} is not offered by {self.source}")
        if target.length > BUNDLE_BYTES_MAX:
            raise Damaged(f"{name} has {target.length} bytes; at most {BUNDLE_BYTES_MAX} are allowed")
        with translated(self.source):
            self._updater.download_target(target, str(into))
        return _offer(target)

    def bringing(self, name: str) -> Callable[[Path], None]:
        """As `Imported.take` wants it."""

        def bring(into: Path) -> None:
            self.fetch(name, into)

        return bring

    def _judged(self, now: datetime | None) -> Targets:
        self._site.trust(now)
        held = Metadata[Targets].from_file(str(self._site.metadata / "targets.json")).signed
        if now is not None and held.is_expired(now):
            raise OutOfDate(
                f"the list of bundles at {self.source} expired on {held.expires:%Y-%m-%d}",
                hint="Get a newer one, or look at this gateway's clock.",
            )
        return held

    def _hand_down(self) -> tuple[int, ...]:
        """Fetch what brings nodes to newer keys; the sequences that are new here."""
        found = []
        known = self._site.handed_down()
        for sequence in sorted(self._site.trusts())[1:]:
            if sequence in known:
                continue
            try:
                data = self._fetcher.download_bytes(f"{self._base}/trust/{sequence}.json", TRUST_BYTES_MAX)
            except tuf_says.DownloadError:
                continue  # too few of the old keys signed it: nodes need a visit
            found.append(self._site.hand_down(data))
        return tuple(found)


class FolderFetcher(FetcherInterface):
    """Reads a repository that lies in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _fetch(self, url: str) -> Iterator[bytes]:
        path = Path(self._folder, *unquote(urlsplit(url).path).strip("/").split("/"))
        if not path.resolve().is_relative_to(self._folder.resolve()):
            raise tuf_says.DownloadHTTPError(f"{path} leads out of the folder", 403)
        try:
            file = path.open("rb")
        except FileNotFoundError as error:
            raise tuf_says.DownloadHTTPError(f"{path} is not there", 404) from error
        with file:
            while piece := file.read(PIECE):
                yield piece

    def fetch(self, url: str) -> Iterator[bytes]:
        """As the base class, but errors of reading come while reading."""
        try:
            yield from self._fetch(url)
        except OSError as error:
            raise tuf_says.DownloadError(f"{url} cannot be read: {error}") from error


def fetcher_of(source: str) -> tuple[FetcherInterface, str]:
    """(what reads it, the address before `/metadata`). Unreachable when it is neither an address nor a folder."""
    if source.startswith(("https://", "http://")):
        return Urllib3Fetcher(socket_timeout=PATIENCE_S, app_user_agent="sluis"), source.rstrip("/")
    folder = Path(source)
    if not (folder / "metadata").is_dir():
        raise Unreachable(f"{source} is neither the address of a repository nor a folder that holds one")
    return FolderFetcher(folder), "folder:"


def freshness(site: Site, now: datetime | None) -> Freshness | None:
    """How new what this gateway last saw is; None when it has seen nothing yet."""
    try:
        stamp = Metadata[Timestamp].from_file(str(site.metadata / "timestamp.json")).signed
        snapshot = Metadata[Snapshot].from_file(str(site.metadata / "snapshot.json")).signed
    except (tuf_says.StorageError, ValueError):
        return None
    until = min(stamp.expires, snapshot.expires)
    try:
        made = datetime.fromisoformat(str(stamp.unrecognized_fields.get(MADE)))
    except ValueError:
        made = None
    if made is not None and made.tzinfo is None:
        made = None
    return Freshness(stamp.version, made, until, None if now is None else now >= until)


def newest(offers: tuple[Offer, ...]) -> list[str]:
    """Names of the newest bundle for each board; of the gateways, only for such as this."""
    found: dict[str, Offer] = {}
    for offer in offers:
        board = str(offer.told.get("board", ""))
        if is_gateway(board) and board != this_kind():
            continue
        held = found.get(offer.told.get("board", ""))
        if held is None or offer.told.get("sequence", 0) > held.told.get("sequence", 0):
            found[offer.told.get("board", "")] = offer
    return [offer.name for offer in found.values()]


@contextmanager
def translated(source: str) -> Iterator[None]:
    """Around python-tuf: its errors become ours."""
    try:
        yield
    except (tuf_says.RepositoryError, tuf_says.DownloadError, OSError) as error:
        if isinstance(error, SluisError):
            raise
        raise _ours(source, error) from error


def _ours(source: str, error: Exception) -> SluisError:
    if isinstance(error, tuf_says.BadVersionNumberError):
        return StaleRepository(f"{source} is older than what this gateway has seen: {error}")
    if isinstance(error, tuf_says.LengthOrHashMismatchError | tuf_says.DownloadLengthMismatchError):
        return Damaged(f"{source} holds something else than its own lists say: {error}")
    if isinstance(error, tuf_says.UnsignedMetadataError):
        return Untrusted(f"{source} is not signed by those whom this gateway trusts: {error}")
    if isinstance(error, tuf_says.RepositoryError):
        return Damaged(f"{source} cannot be believed: {error}")
    return Unreachable(f"{source} cannot be read: {error}")


def _offer(target: TargetFile) -> Offer:
    told = target.custom.get(CUSTOM, {}) if isinstance(target.custom, dict) else {}
    return Offer(
        target.path, target.length, target.hashes.get("sha256", ""), dict(told) if isinstance(told, dict) else {}
    )
