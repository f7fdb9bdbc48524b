"""The driver host: a small process that holds one source's drivers and does as the gateway asks.

Theory of operation. It limits itself before it loads anything of a stranger's, then answers calls one at a time. A
command (`perform`) is a coroutine that this module steps by hand: the only thing a driver may await is its link, so
each step is one request to the gateway, and no event loop is needed (that alone would be a third of its memory).
Whatever a driver raises becomes an answer. What is not answered (it hangs, it dies) the gateway sees, and ends this
process.
"""

from __future__ import annotations

import gc
import io
import os
import resource
import select
import signal
import socket
import sys
import types
from collections.abc import Callable, Coroutine, Generator, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from sluis.hosted import messages as m
from sluis.model import DriverError, Frame, Point
from sluis.sdk.driver import Driver
from sluis.sdk.loading import drivers_of_text
from sluis.sdk.stated import insist, needs

FILES_MAX = 64
"""Open files. A driver keeps none; imports need a few at a time."""

LIMITS = (
    (resource.RLIMIT_NOFILE, FILES_MAX),
    (resource.RLIMIT_CORE, 0),
    (resource.RLIMIT_FSIZE, 0),  # a driver writes no files: it cannot fill the disk
    (resource.RLIMIT_NPROC, 0),  # nor starts processes or threads (root is exempt from this one: see `_no_children`)
)

FIRST_TO_GO = 500
"""Badness added when the kernel looks for a process to end for want of memory: far above the gateway's -100 to 0."""

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38


def main() -> NoReturn:
    """`CALL_FD ACT_FD PARENT MEMORY_BYTES`: serve until the gateway is gone."""
    call, act, parent, memory = (int(word) for word in sys.argv[1:5])
    confine(parent, memory)
    call_socket, act_socket = socket.socket(fileno=call), socket.socket(fileno=act)
    try:
        serve(m.Wire(call_socket), m.Wire(act_socket))
    except (EOFError, OSError):
        pass  # the gateway is gone, or has let go of this host
    os._exit(0)  # a driver's exit handlers are not waited for


def confine(parent: int, memory_bytes: int) -> None:
    """Limits, and an end together with the gateway."""
    os.set_blocking(1, False)
    os.set_blocking(2, False)
    sys.stdout = sys.stderr = Voice()
    _tie_to_parent()
    try:
        Path("/proc/self/oom_score_adj").write_text(str(FIRST_TO_GO))
    except OSError:  # some containers have no /proc to write to; then all are equal before the kernel
        pass
    if os.getppid() != parent:  # it died before the line above
        os._exit(0)
    os.register_at_fork(after_in_child=_no_children)
    for what, most in ((resource.RLIMIT_AS, memory_bytes), *LIMITS):
        _, hard = resource.getrlimit(what)
        wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(what, (wanted, wanted))
        except (OSError, ValueError) as error:
            sys.stderr.write(f"limit {what} not set: {error}\n")


def _tie_to_parent() -> None:
    """Let the kernel end this process when the gateway dies; without it, the closed channels do (unless it hangs)."""
    try:
        import ctypes

        libc = ctypes.CDLL(None)
    except (ImportError, OSError, MemoryError) as error:  # where memory may not be executable, old libffi fails
        sys.stderr.write(f"not tied to the gateway's life: {error!r}\n")
        return
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _no_children() -> NoReturn:
    """A fork of this process would answer in its place."""
    os._exit(0)


class Voice(io.TextIOBase):
    """stdout and stderr: into the pipe as far as it has room. The gateway reads it slowly or not at all; a driver that
    prints too much must not wait for that."""

    def write(self, text: str) -> int:
        try:
            os.write(2, text[:4096].encode("utf-8", "replace"))
        except OSError:
            pass
        return len(text)

    def writable(self) -> bool:
        return True


def serve(calls: m.Wire, acts: m.Wire) -> None:
    """Answer both channels for ever."""
    room = Room()
    stage = Stage(room, acts)
    answer: dict[int, Callable[[], None]] = {
        calls.channel.fileno(): lambda: calls.send(room.answer(calls.receive())),
        acts.channel.fileno(): lambda: stage.obey(acts.receive()),
    }
    waiting = select.poll()
    for number in answer:
        waiting.register(number, select.POLLIN)
    while True:
        for number, _ in waiting.poll():
            answer[number]()


class Room:
    """The loaded classes and the instances made of them."""

    def __init__(self) -> None:
        self.families: dict[str, type[Driver]] = {}
        self.instances: dict[int, Driver] = {}

    def answer(self, message: bytes) -> bytes:
        """What the driver says to one call; a failure when it raises, whatever it raises."""
        try:
            call = m.calls.decode(message)
            if isinstance(call, m.Decode):
                return m.encode(self._decode(call))
            if isinstance(call, m.Sniff):
                return m.encode(m.Said(m.packed(self.families[call.driver].sniff(call.frame))))
            if isinstance(call, m.Succeed):
                self.instances[call.number].succeed(self.instances[call.before])
                return m.encode(m.Said(()))
            return m.encode(self._make(call) if isinstance(call, m.Make) else self._load(call))
        except BaseException as error:  # SystemExit and MemoryError included: this process is there for that
            return m.encode(m.failure_of(error))

    def _decode(self, call: m.Decode) -> m.Message:
        driver = self.instances[call.number]
        identity = _identity(driver, call.frame) if call.identify else None
        try:
            return m.Said(m.packed(driver.decode(call.frame)), identity)
        except BaseException as error:
            return m.failure_of(error, identity)

    def _make(self, call: m.Make) -> m.Made:
        for number in call.unused:
            self.instances.pop(number, None)
        driver = self.families[call.driver](call.native_id, call.description)
        every_s, (vendor, model) = driver.poll_every_s(), driver.product()
        made = m.Made(
            tuple(_plain(point) for point in driver.points()),
            tuple(driver.topics()),
            driver.station(),
            None if every_s is None else float(every_s),
            (str(vendor), str(model)),
        )
        self.instances[call.number] = driver
        return made

    def _load(self, call: m.Load) -> m.Loaded:
        if call.contract != m.CONTRACT:
            raise DriverError(
                f"Sluis was updated while this gateway runs (driver contract {m.CONTRACT}, gateway {call.contract})",
                hint="Restart the gateway.",
            )
        insist(call.name, call.needed)
        classes = [_entry(one) for one in call.entries]
        insist(call.name, needs([cls.about for cls in classes]))
        if call.path:
            classes += drivers_of_text(call.text, call.path)
        self.families = {cls.about.key: cls for cls in classes}
        gc.freeze()  # what is loaded stays: the collector need not look at it again
        return m.Loaded(tuple(_family(cls) for cls in classes), m.CONTRACT)


class Stage:
    """Commands and polls under way: coroutines, each waiting for the gateway to carry out its last request."""

    def __init__(self, room: Room, acts: m.Wire) -> None:
        self._room = room
        self._acts = acts
        self._jobs: dict[int, Coroutine[object, Any, None]] = {}

    def obey(self, message: bytes) -> None:
        order = m.orders.decode(message)
        match order:
            case m.Perform() | m.Poll():
                self._begin(order)
            case m.Result():
                self._go_on(order)
            case m.Cancel():
                job = self._jobs.pop(order.job, None)
                if job is not None:
                    _close(job)

    def _begin(self, order: m.Perform | m.Poll) -> None:
        try:
            driver, link = self._room.instances[order.number], HostedLink(order.job)
            job = driver.poll(link) if isinstance(order, m.Poll) else driver.perform(link, order.command)
            self._jobs[order.job] = job
        except BaseException as error:
            self._say(m.Done(order.job, m.failure_of(error)))
        else:
            self._step(order.job, lambda job: job.send(None))

    def _go_on(self, result: m.Result) -> None:
        failure = result.failure
        if failure is None:
            self._step(result.job, lambda job: job.send(result.frame))
        else:
            self._step(result.job, lambda job: job.throw(m.error_of(failure)))

    def _step(self, number: int, resume: Callable[[Coroutine[object, Any, None]], object]) -> None:
        job = self._jobs.get(number)
        if job is None:  # cancelled meanwhile
            return
        try:
            wish = resume(job)
            if not isinstance(wish, m.Send | m.Ask):
                raise DriverError("perform and poll may await their link and nothing else")
        except StopIteration:
            over: m.Message = m.Done(number)
        except BaseException as error:
            over = m.Done(number, m.failure_of(error))
        else:
            self._say(wish)
            return
        _close(self._jobs.pop(number))
        self._say(over)

    def _say(self, message: m.Message) -> None:
        self._acts.send(m.encode(message))


class HostedLink:
    """`sdk.Link` inside the host: each call is a request to the gateway, which holds the real link."""

    def __init__(self, job: int) -> None:
        self._job = job

    async def send(self, data: bytes, *, to: str = "", retain: bool = False) -> None:
        await _asked(m.Send(self._job, bytes(data), str(to), bool(retain)))

    async def request(self, data: bytes, *, to: str = "", reply: str = "", timeout_s: float = 5.0) -> Frame:
        frame = await _asked(m.Ask(self._job, bytes(data), str(to), str(reply), float(timeout_s)))
        assert frame is not None  # the gateway answers an `Ask` with a frame or a failure
        return frame


@types.coroutine
def _asked(wish: m.Send | m.Ask) -> Generator[m.Send | m.Ask, Frame | None, Frame | None]:
    return (yield wish)


def _close(job: Coroutine[object, Any, None]) -> None:
    try:
        job.close()
    except BaseException as error:
        sys.stderr.write(f"at the end of a command: {error!r}\n")


def _entry(value: str) -> type[Driver]:
    """The class an entry point names. DriverError when it is no driver."""
    module, _, attribute = value.partition(":")
    found: Any = import_module(module)
    for name in filter(None, attribute.split(".")):
        found = getattr(found, name)
    if not (isinstance(found, type) and issubclass(found, Driver) and hasattr(found, "about")):
        raise DriverError(f"{value} is no driver", hint="A driver is a class with an `about`.")
    return found


def _family(cls: type[Driver]) -> m.Family:
    return m.Family(
        about=cls.about,
        name=f"{cls.__module__}.{cls.__qualname__}",
        sniffs=cls.sniff.__func__ is not Driver.sniff.__func__,  # type: ignore[attr-defined]  # bound methods of a class
        identifies=cls.identity is not Driver.identity,
        remembers=cls.succeed is not Driver.succeed,
    )


def _identity(driver: Driver, frame: Frame) -> str | None:
    """What is wrong with the frame or the driver, `decode` will say."""
    try:
        own = driver.identity(frame)
    except Exception:
        return None
    return None if own is None else str(own)


def _plain(point: Point) -> Point:
    """A point without the driver's own routing data, but for plain words about it."""
    meta: Mapping[str, Any] = {k: v for k, v in point.meta.items() if isinstance(v, bool | int | float | str)}
    return replace(point, meta=meta)
