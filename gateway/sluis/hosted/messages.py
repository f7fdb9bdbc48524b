"""What the gateway and a driver host say to each other: MessagePack after a length, over two socket pairs.

On the *call* channel the gateway asks and the host answers, one at a time (`Load`, `Make`, `Succeed`, `Sniff`,
`Decode`). On the *act* channel commands and polls run side by side: the gateway starts them (`Perform`, `Poll`), the
host asks for what they do on the link (`Send`, `Ask`), the gateway tells how that went (`Result`), and the host says
when one is over (`Done`).

Both sides state the version of this contract in `Load` and `Loaded`. They differ when Sluis was updated under a running
gateway: a host that is restarted then runs newer code than the gateway.
"""

from __future__ import annotations

import inspect
import socket
import time
import traceback
from collections.abc import Iterable
from typing import Any

import msgspec

from sluis.model import (
    Announcement,
    Command,
    DriverError,
    Frame,
    Occurrence,
    Point,
    Presence,
    Reading,
    Roster,
    SluisError,
    errors,
)
from sluis.sdk.driver import About, Inquiry
from sluis.sdk.stated import Stated
from sluis.sdk.station import Station

CONTRACT = 4
"""Version of these messages. Any change of one is a new version."""

MESSAGE_MAX = 4 * 2**20
"""Largest message, bytes. The largest MQTT payload the link takes fits in it several times; a host that claims more is
broken, and reading it would cost the gateway the memory that the host is not allowed."""

HEAD = 4
"""Bytes of the length before each message, big-endian."""


class Message(msgspec.Struct, array_like=True, tag=True, gc=False):
    """One message; its class is its tag."""


class Load(Message):
    """The first call: the drivers of one file (its text: the file on disk may be newer), or of a package's entries."""

    name: str
    path: str = ""
    text: bytes = b""
    entries: tuple[str, ...] = ()
    """`module:attribute` of each entry point."""
    needed: Stated = Stated()
    """What its source says that it needs."""
    contract: int = CONTRACT
    version: str = ""
    """Which version of the source this is."""


class Family(msgspec.Struct, array_like=True, frozen=True):
    """A driver class as the gateway needs to know it."""

    about: About
    name: str
    sniffs: bool
    """Whether it has a `sniff` of its own: no call is made for one that says nothing."""
    identifies: bool
    remembers: bool
    """Whether it has a `succeed` of its own."""


class Loaded(Message):
    families: tuple[Family, ...]
    contract: int = 1


class Make(Message):
    """Make the driver instance `number`; forget those in `unused`."""

    number: int
    driver: str
    native_id: str
    description: dict[str, Any]
    unused: tuple[int, ...] = ()


class Made(Message):
    points: tuple[Point, ...]
    topics: tuple[str, ...]
    station: Station | None = None
    poll_every_s: float | None = None
    product: tuple[str, str] = ("", "")


class Succeed(Message):
    """Let instance `number` take over what instance `before` remembers; the answer is `Said`, with nothing in it."""

    number: int
    before: int


class Sniff(Message):
    driver: str
    frame: Frame


class Decode(Message):
    number: int
    frame: Frame
    identify: bool = False


class Item(msgspec.Struct, array_like=True, frozen=True):
    """One thing a driver said, by the name of its class."""

    kind: str
    body: msgspec.Raw


class Said(Message):
    items: tuple[Item, ...]
    identity: str | None = None


class Failure(Message):
    """An exception on its way to the other side."""

    code: str
    """Code of one of our errors; `timeout` or `os` for those built-ins; "" for anything else."""
    text: str
    hint: str = ""
    trace: str = ""
    identity: str | None = None
    """Of a frame that was identified before its decoding failed."""
    more: dict[str, bool | int | float | str] = {}
    """What else the error carries, by its own names."""


class Perform(Message):
    job: int
    number: int
    command: Command


class Poll(Message):
    job: int
    number: int


class Result(Message):
    """How `Send` or `Ask` went."""

    job: int
    frame: Frame | None = None
    failure: Failure | None = None


class Cancel(Message):
    """The command's deadline passed: forget this job."""

    job: int


class Send(Message):
    job: int
    data: bytes
    to: str
    retain: bool


class Ask(Message):
    job: int
    data: bytes
    to: str
    reply: str
    timeout_s: float


class Done(Message):
    job: int
    failure: Failure | None = None


_encoder = msgspec.msgpack.Encoder()
encode = _encoder.encode
calls = msgspec.msgpack.Decoder(Load | Make | Succeed | Sniff | Decode)
answers = msgspec.msgpack.Decoder(Loaded | Made | Said | Failure)
orders = msgspec.msgpack.Decoder(Perform | Poll | Result | Cancel)
steps = msgspec.msgpack.Decoder(Send | Ask | Done)

_KINDS: dict[str, msgspec.msgpack.Decoder[Any]] = {
    kind.__name__: msgspec.msgpack.Decoder(kind)
    for kind in (Reading, Occurrence, Presence, Announcement, Roster, Inquiry)
}


def packed(said: Iterable[object]) -> tuple[Item, ...]:
    """What a driver said. TypeError when that is nothing a driver may say, or cannot travel."""
    items = []
    for one in said:
        kind = type(one).__name__
        if kind not in _KINDS:
            raise TypeError(f"a driver says no {kind}")
        items.append(Item(kind, msgspec.Raw(encode(one))))
    return tuple(items)


def unpacked(items: Iterable[Item]) -> list[Any]:
    """The other way round. msgspec.ValidationError or KeyError for what no honest host sends."""
    return [_KINDS[item.kind].decode(item.body) for item in items]


_ERRORS = {cls.code: cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, SluisError)}


def failure_of(error: BaseException, identity: str | None = None) -> Failure:
    """An exception, packed."""
    text = str(error)[:500]
    for cls in type(error).__mro__:
        if issubclass(cls, SluisError) and _ERRORS.get(cls.code) is cls:
            more = {key: one for key, one in vars(error).items() if isinstance(one, bool | int | float | str)}
            return Failure(cls.code, text, getattr(error, "hint", "")[:500], identity=identity, more=more)
    if isinstance(error, OSError):
        return Failure("timeout" if isinstance(error, TimeoutError) else "os", text, identity=identity)
    trace = "".join(traceback.format_exception(error, limit=-10))[-8000:]
    return Failure("", repr(error)[:500], trace=trace, identity=identity)


def error_of(failure: Failure) -> Exception:
    """The exception a failure stands for; DriverError with the host's traceback as a note for a driver's own fault."""
    if failure.code == "timeout":
        return TimeoutError(failure.text)
    if failure.code == "os":
        return OSError(failure.text)
    cls = _ERRORS.get(failure.code, DriverError)
    error = cls(failure.text, hint=failure.hint)
    vars(error).update(failure.more)
    if failure.trace:
        error.add_note(failure.trace)
    return error


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(HEAD, "big") + message


def length_of(head: bytes) -> int:
    """ValueError for a length that nobody sends."""
    length = int.from_bytes(head[:HEAD], "big")
    if length > MESSAGE_MAX:
        raise ValueError(f"a message of {length} bytes")
    return length


class Wire:
    """Whole messages over one blocking socket."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self._held = b""

    def send(self, message: bytes) -> None:
        self.channel.sendall(framed(message))

    def receive(self, deadline_s: float | None = None) -> bytes:
        """The next message. EOFError at the end, TimeoutError past `deadline_s`."""
        until = None if deadline_s is None else time.monotonic() + deadline_s
        held = self._held
        while len(held) < HEAD or len(held) < HEAD + length_of(held):
            if until is not None:
                self.channel.settimeout(max(0.001, until - time.monotonic()))
            more = self.channel.recv(262_144)
            if not more:
                raise EOFError("the other side is gone")
            held += more
            if until is not None and time.monotonic() > until:
                raise TimeoutError("no whole message in time")
        end = HEAD + length_of(held)
        self._held = held[end:]
        return held[HEAD:end]
