"""What the panel needs of the rest of the house. `app` hands the real things in, bundled as a `House`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sluis.model import (
    Actor,
    ApiToken,
    AuditEntry,
    AuditVerdict,
    Device,
    DeviceState,
    Frame,
    Point,
    Receipt,
    Role,
    Session,
    Stamp,
    User,
    Value,
)
from sluis.model.nodes import CrashPage, Node, NodeUpdate
from sluis.model.papers import Card, Outcome, Walk
from sluis.model.wiring import Catalogue, Fault, Trial
from sluis.panel.bench import Bench
from sluis.panel.releases import Releases
from sluis.panel.reports import (
    DriverReport,
    FaultReport,
    LinkReport,
    Readiness,
    ScanReport,
    StorageReport,
    SystemReport,
)
from sluis.panel.supply import Supply
from sluis.runtime import Bus, Clock, Step
from sluis.sdk import Driver
from sluis.twins import Twin
from sluis.updates import Rollouts
from sluis.watch import Alert, AlertStep, Cause
from sluis.watch.wellness import Checkup

if TYPE_CHECKING:
    from sluis.intake.entry import FrameCounters
    from sluis.panel.door import Door


class Register(Protocol):
    """All devices, in memory. See `sluis.intake.register`."""

    def devices(self, *states: DeviceState) -> list[Device]: ...
    def device(self, key: str) -> Device: ...
    def points(self, key: str) -> Mapping[str, Point]: ...
    def driver(self, key: str) -> Driver: ...
    def fault(self, key: str) -> str: ...
    def twin(self, key: str) -> Twin: ...
    def areas(self) -> list[str]: ...
    def frames(self, key: str) -> list[tuple[Frame, str]]: ...
    def counters(self, key: str) -> FrameCounters: ...

    async def adopt(self, key: str, *, name: str, area: str, asset_number: str = "", actor: Actor) -> Device: ...
    async def add(
        self,
        driver: str,
        link: str,
        address: str,
        *,
        setup: Mapping[str, Any] | None = None,
        name: str = "",
        area: str = "",
        asset_number: str = "",
        actor: Actor,
    ) -> Device: ...
    async def configure(self, key: str, setup: Mapping[str, Any], actor: Actor) -> Device: ...
    async def update(
        self,
        key: str,
        *,
        name: str | None = None,
        area: str | None = None,
        asset_number: str | None = None,
        actor: Actor,
    ) -> Device: ...
    async def ignore(self, key: str, actor: Actor) -> Device: ...
    async def rediscover(self, key: str, actor: Actor) -> Device: ...
    async def retire(self, key: str, actor: Actor) -> Device: ...
    async def relate(self, key: str, other: str, actor: Actor) -> Device: ...
    async def unrelate(self, key: str, actor: Actor) -> Device: ...
    async def replace(self, key: str, by: str, actor: Actor, *, force: bool = False) -> Device: ...


class Control(Protocol):
    """Commands. See `sluis.control`."""

    async def submit(
        self,
        device: str,
        point: str,
        value: Value | None,
        actor: Actor,
        *,
        deadline_s: float | None = None,
        reason: str = "",
        cause: str = "",
    ) -> Receipt: ...
    async def outcome(self, command_id: str) -> Receipt: ...
    async def command(self, command_id: str) -> Receipt:
        """The newest receipt of any command; a LookupError of ours when there is none."""

    async def commands(
        self, *, device: str = "", point: str = "", limit: int = 100, before: str = ""
    ) -> Sequence[Receipt]:
        """Commands of all times, newest first, older than the command id `before`."""


class Alerts(Protocol):
    """Open and past alerts. See `sluis.watch.alerts`."""

    async def open(self) -> Sequence[Alert]:
        """Open alerts, worst first."""

    def attention(self) -> Sequence[Cause]:
        """The same, grouped by what is behind them."""

    async def history(self, limit: int, before_id: int | None = None, *, device: str = "") -> Sequence[Alert]: ...
    async def alert(self, alert_id: int) -> Alert | None: ...
    async def steps(self, alert_id: int) -> Sequence[AlertStep]: ...
    async def acknowledge(self, alert_id: int, actor: Actor, note: str = "") -> Alert: ...
    async def assign(self, alert_id: int, owner: str, actor: Actor) -> Alert: ...
    async def note(self, alert_id: int, actor: Actor, text: str) -> Alert: ...


class Rules(Protocol):
    """Rules as data, as JSON in the form of `rules.toml` with `name`, `version` and `origin`."""

    def rules(self) -> Sequence[Mapping[str, Any]]: ...
    def rule(self, name: str) -> Mapping[str, Any] | None: ...
    async def versions(self, name: str) -> Sequence[Mapping[str, Any]]: ...
    async def save(self, name: str, body: Mapping[str, Any], actor: Actor) -> Mapping[str, Any]: ...
    async def remove(self, name: str, actor: Actor) -> None: ...


class Explain(Protocol):
    async def why(self, device: str, point: str) -> Sequence[Mapping[str, Any]]:
        """The causal chain of a point's present value, newest step first: at_us, kind, what, ref."""


class Wellness(Protocol):
    """How well devices are. See `sluis.watch.wellness`."""

    def worst_first(self) -> Sequence[Checkup]:
        """Every device in use that was looked at."""

    async def of(self, key: str) -> Checkup:
        """How well one device is now."""


class Bucket(Protocol):
    """One bucket of a series; all values in the point's unit."""

    @property
    def at_us(self) -> int: ...
    @property
    def min(self) -> float: ...
    @property
    def mean(self) -> float: ...
    @property
    def max(self) -> float: ...
    @property
    def last(self) -> float: ...
    @property
    def count(self) -> int: ...


class Share(Protocol):
    """One span of the past of a point that says words."""

    @property
    def at_us(self) -> int: ...
    @property
    def counts(self) -> Mapping[str, int]:
        """How often each word was said."""

    @property
    def last(self) -> Value: ...


class StoredReading(Protocol):
    """One reading as stored."""

    @property
    def seq(self) -> int: ...
    @property
    def at_us(self) -> int: ...
    @property
    def value(self) -> Value: ...
    @property
    def quality(self) -> int: ...


class History(Protocol):
    """Stored readings and their rollups. See `sluis.store.history`."""

    async def series(self, device: str, point: str, start_us: int, end_us: int, buckets: int) -> Sequence[Bucket]: ...
    async def shares(self, device: str, point: str, start_us: int, end_us: int, buckets: int) -> Sequence[Share]: ...
    async def readings(
        self, device: str, point: str, start_us: int, end_us: int, limit: int, after: int | None = None
    ) -> Sequence[StoredReading]: ...


class Audit(Protocol):
    """The log of who did what."""

    async def record(
        self, actor: Actor, action: str, object: str, detail: Mapping[str, Any] = ..., *, reason: str = ""
    ) -> None: ...


class AuditLog(Audit, Protocol):
    """The log, for those who may read it."""

    async def entries(
        self, limit: int, before: int | None = None, *, actor: str = "", action: str = "", object: str = ""
    ) -> list[AuditEntry]: ...
    async def latest(self, action: str) -> dict[str, AuditEntry]: ...
    async def verify(self) -> AuditVerdict: ...


class AccountStore(Protocol):
    """Users, sessions, tokens and failed tries. Only `Door` uses this."""

    async def users(self) -> list[User]: ...
    async def credential(self, name: str) -> tuple[User, str] | None: ...
    async def add_user(self, user: User, password_hash: str) -> None: ...
    async def change_user(self, user: User) -> None: ...
    async def set_password(self, name: str, password_hash: str) -> None: ...
    async def remove_user(self, name: str) -> None: ...
    async def signed_in(self, name: str, at_us: int) -> None: ...
    async def add_session(self, digest: bytes, session: Session) -> Session: ...
    async def session(self, digest: bytes) -> tuple[Session, User] | None: ...
    async def sessions(self, user: str = "") -> list[Session]: ...
    async def touch_session(self, session_id: int, at_us: int) -> None: ...
    async def end_session(self, session_id: int) -> None: ...
    async def end_sessions(self, user: str, but: int | None = None) -> None: ...
    async def add_token(self, digest: bytes, token: ApiToken) -> None: ...
    async def token(self, digest: bytes) -> ApiToken | None: ...
    async def tokens(self) -> list[ApiToken]: ...
    async def touch_token(self, name: str, at_us: int) -> None: ...
    async def remove_token(self, name: str) -> None: ...
    async def tries(self, subject: str) -> tuple[int, int]:
        """(failures in a row, blocked until this wall-clock microsecond)."""

    async def count_failure(self, subject: str, at_us: int, blocked_until_us: int) -> None: ...
    async def clear_failures(self, subject: str) -> None: ...


class System(Protocol):
    """What `app` knows about the gateway itself."""

    def links(self) -> Sequence[LinkReport]: ...
    async def record(self, link: str, on: bool, actor: Actor) -> str:
        """Start or stop writing what passes over a link to a file; the file, "" for none."""

    async def recorded(self, link: str, after: int) -> tuple[Sequence[str], int]:
        """Lines of the present recording from byte `after` on, and where the next piece begins."""

    def drivers(self) -> Sequence[DriverReport]: ...
    def driver_faults(self, driver: str) -> Sequence[FaultReport]:
        """What made a driver fail, oldest first."""

    async def release_driver(self, driver: str, actor: Actor) -> None:
        """Try versions again that were put aside. NotFound when there is none."""

    def readiness(self) -> Readiness: ...
    def settings(self) -> Mapping[str, Mapping[str, Any]]:
        """Every setting in use by section, secrets already masked."""

    async def report(self) -> SystemReport: ...
    async def storage(self) -> StorageReport: ...


class Scanning(Protocol):
    """Listening to everything for a while. See `sluis.app.scanning`."""

    async def begin(self, for_s: float, actor: Actor) -> ScanReport: ...
    async def report(self) -> ScanReport: ...


class RungTally(Protocol):
    """How often a rung of a link's ladder was tried, and what it was good for."""

    @property
    def link(self) -> str: ...
    @property
    def rung(self) -> str: ...
    @property
    def tries(self) -> int: ...
    @property
    def healed(self) -> int: ...
    @property
    def mean_s(self) -> float: ...
    @property
    def last_us(self) -> int: ...


class Recovery(Protocol):
    """What was tried to bring links back."""

    async def steps(
        self, link: str = "", limit: int = 100, before_id: int | None = None
    ) -> Sequence[tuple[int, Step]]: ...
    async def tallies(self, link: str = "") -> Sequence[RungTally]: ...


class BrokerAccount(Protocol):
    """Who may connect to the broker."""

    @property
    def username(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def driver(self) -> str: ...
    @property
    def native_id(self) -> str: ...
    @property
    def topics(self) -> tuple[str, ...]: ...


class FreshAccount(BrokerAccount, Protocol):
    """An account with its password, to be shown once."""

    @property
    def password(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...


class BrokerAccounts(Protocol):
    """Accounts at the gateway's own broker."""

    def accounts(self) -> Sequence[BrokerAccount]: ...
    async def issue(self, driver: str, native_id: str, actor: Actor, topic: str = "") -> FreshAccount: ...
    async def revoke(self, username: str, actor: Actor) -> None: ...


class NodePlace(Protocol):
    """Where nodes find the broker, and whom they trust there."""

    @property
    def hosts(self) -> tuple[str, ...]: ...
    @property
    def port(self) -> int: ...
    @property
    def server(self) -> str: ...
    @property
    def ca_der(self) -> bytes: ...


class IssuedNode(Protocol):
    """What a node must be told, with its password in the clear."""

    @property
    def node(self) -> Node: ...
    @property
    def username(self) -> str: ...
    @property
    def password(self) -> str: ...
    @property
    def place(self) -> NodePlace: ...
    @property
    def setup_code(self) -> str: ...
    def net(self) -> dict[str, Any]: ...


class NodeNetworks(Protocol):
    """The Wi-Fi networks that nodes are told."""

    async def names(self) -> list[str]: ...
    async def save(self, ssid: str, password: str, actor: Actor) -> None: ...
    async def remove(self, ssid: str, actor: Actor) -> None: ...


class Nodes(Protocol):
    """Keys and proofs of nodes. See `sluis_provision.enrol`."""

    @property
    def networks(self) -> NodeNetworks: ...
    async def nodes(self) -> list[Node]: ...
    async def node(self, node_id: str) -> Node: ...
    def device(self, node_id: str) -> Device | None: ...
    async def enrol(
        self, node_id: str, actor: Actor, *, board: str = "", profile: str = "", serial: str = "", again: bool = False
    ) -> IssuedNode: ...
    async def rotate(self, node_id: str, actor: Actor, *, reason: str = "") -> IssuedNode: ...
    async def revoke(self, node_id: str, actor: Actor, *, reason: str = "") -> Node: ...
    async def wipe(self, node_id: str, actor: Actor, *, reason: str = "") -> tuple[Node, bool]: ...
    async def test(self, node_id: str, actor: Actor) -> tuple[Node, object]: ...
    async def setup_code(self, node_id: str) -> str: ...
    async def adopt(
        self, text: str, actor: Actor, *, name: str, area: str, asset_number: str = "", reason: str = ""
    ) -> Device: ...
    async def identify(self, node_id: str, actor: Actor) -> None: ...
    async def config(self, node_id: str, *, previous: bool = False) -> Mapping[str, Any]: ...
    async def replace(
        self, old_id: str, new_id: str, actor: Actor, *, reason: str = "", force: bool = False
    ) -> tuple[Node, Device]: ...


class Wiring(Protocol):
    """What is wired to nodes. See `sluis_provision.wiring`."""

    async def catalogue(self) -> Catalogue: ...
    async def check(self, node_id: str, config: Mapping[str, Any]) -> Sequence[Fault]: ...
    async def give(
        self, node_id: str, config: Mapping[str, Any], actor: Actor, *, trial_s: int | None = None
    ) -> tuple[Node, Trial]: ...
    def trial(self, node_id: str) -> Trial | None: ...


class NodePages(Protocol):
    """Why updates of nodes went back. See `sluis.app.node_pages`."""

    def of(self, node_id: str) -> CrashPage | None: ...
    def groups(self) -> Sequence[Sequence[CrashPage]]: ...
    async def ask(self, node_id: str) -> CrashPage | None: ...


class NodeUpdates(Protocol):
    """Releases handed to nodes. See `sluis.app.node_updates`."""

    def of(self, node_id: str) -> NodeUpdate | None: ...
    async def offer(self, node_id: str, name: str, actor: Actor, *, hurry: bool = False, reason: str = "") -> None: ...
    async def undo(self, node_id: str, actor: Actor, *, reason: str = "") -> None: ...


class Backup(Protocol):
    """One backup file and what is known of it."""

    @property
    def name(self) -> str: ...
    @property
    def at_us(self) -> int: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def verified_at_us(self) -> int | None:
        """When it was last restored into a scratch place and checked."""

    @property
    def problem(self) -> str: ...


class Backups(Protocol):
    async def list(self) -> Sequence[Backup]: ...
    async def create(self, actor: Actor) -> Backup: ...
    async def verify(self, name: str, actor: Actor) -> Backup: ...


class Walks(Protocol):
    """Site walks. See `sluis_provision.walk`."""

    async def walks(self) -> Sequence[Walk]: ...
    async def walk(self, walk_id: str) -> tuple[Walk, str]: ...
    async def begin(self, area: str, actor: Actor, repeat: str = "") -> Walk: ...
    async def attempt(self, walk_id: str, number: int, actor: Actor) -> Walk: ...
    async def judge(self, walk_id: str, number: int, outcome: Outcome, note: str, actor: Actor) -> Walk: ...
    async def drop(self, walk_id: str) -> None: ...


class Papers(Protocol):
    """Labels, instruction cards, certificates. See `sluis.app.papers`."""

    @property
    def walks(self) -> Walks: ...
    def sheets(self) -> Mapping[str, str]: ...
    def tapes(self) -> Mapping[str, str]: ...
    async def label(self, device: Device, tape: str, base: str) -> bytes: ...
    async def node_label(self, node: Node, code: str, tape: str, base: str) -> bytes: ...
    async def labels(
        self, devices: Sequence[Device], sheet: str, base: str, *, skip: int = 0, copies: int = 1
    ) -> bytes: ...
    async def card(self, device: Device, language: str) -> Card: ...
    def card_html(self, card: Card) -> str: ...
    async def card_pdf(self, device: Device, language: str, base: str) -> bytes: ...
    async def write_card(self, device: Device, language: str, text: str, actor: Actor) -> Card: ...
    async def reset_card(self, device: Device, language: str, actor: Actor) -> Card: ...
    async def open_areas(self) -> frozenset[str]: ...
    async def set_open(self, area: str, is_open: bool, actor: Actor) -> None: ...
    async def sign_walk(self, walk_id: str, actor: Actor) -> str: ...
    async def report(self, walk_id: str, language: str, pictures: Sequence[tuple[bytes, str]] = ()) -> bytes: ...


@dataclass(frozen=True, slots=True)
class House:
    """Everything the panel may ask, in one hand."""

    clock: Clock
    bus: Bus
    register: Register
    control: Control
    alerts: Alerts
    rules: Rules
    explain: Explain
    wellness: Wellness
    history: History
    audit: AuditLog
    system: System
    backups: Backups
    recovery: Recovery
    scanning: Scanning
    papers: Papers
    supply: Supply
    door: Door
    broker: BrokerAccounts | None = None
    """None where the broker is somebody else's."""
    nodes: Nodes | None = None
    """None there as well."""
    wiring: Wiring | None = None
    """None there too."""
    node_pages: NodePages | None = None
    node_updates: NodeUpdates | None = None
    rollouts: Rollouts | None = None
    bench: Bench | None = None
    """None where no board can be plugged in."""
    releases: Releases | None = None
    """None where nothing of the gateway itself can be asked."""


__all__ = [
    "AccountStore",
    "Alert",
    "AlertStep",
    "Alerts",
    "Audit",
    "AuditLog",
    "Backup",
    "Backups",
    "Bucket",
    "Cause",
    "Checkup",
    "Control",
    "Explain",
    "History",
    "House",
    "Register",
    "Role",
    "Rules",
    "Share",
    "Stamp",
    "StoredReading",
    "Supply",
    "System",
    "Wellness",
]
