"""The CEC link: one adapter, on which the gateway is a player with a name.

Sources are `NAME/0` (the TV) to `NAME/15`, by logical address. A frame is one message as it was on the bus, its first
byte the addresses of sender and receiver. What is *sent* has no such byte: only the link knows its own address. `asked`
is what was sent.

A question with a known answer waits for it; anything else is over when the other side has acknowledged it. What others
ask of us and nobody else answers is refused as the specification wants it (Feature Abort), so that they do not wait.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, ClassVar

from sluis.links.cec import adapter as kernel
from sluis.links.cec.adapter import NO_PLACE, Adapter, Message
from sluis.links.cec.settings import CecSettings
from sluis.links.loop import LoopLink
from sluis.model import Frame, LinkError
from sluis.runtime import Clock
from sluis.runtime.supervisor import Backoff

log = logging.getLogger(__name__)

LOOK_S = 0.5
"""How often the adapter is asked whether something was plugged in or out; the kernel tells it by an exceptional
condition on the file, which an event loop does not see. Longer and a display that comes back is noticed late."""

ANSWERS: Mapping[int, int] = {
    0x08: 0x07, 0x1A: 0x1B, 0x46: 0x47, 0x71: 0x7A, 0x7D: 0x7E, 0x83: 0x84, 0x8C: 0x87, 0x8F: 0x90, 0x91: 0x32,
    0x9F: 0x9E,
}  # fmt: skip
"""Opcode of a question -> opcode of its answer (HDMI 1.4b, CEC table 7 and following)."""
FEATURE_ABORT, GIVE_POWER, REPORT_POWER, ABORT = 0x00, 0x8F, 0x90, 0xFF
NOT_KNOWN = 0x00
"""Reason of a Feature Abort: unrecognized opcode."""
KERNEL_ANSWERS = frozenset({0x46, 0x83, 0x8C, 0x9F, 0xA5, 0xA8, ABORT})
"""Questions that the kernel answers for us."""


class CecLink(LoopLink):
    """One adapter."""

    kind: ClassVar[str] = "cec"

    def __init__(self, settings: CecSettings, clock: Clock) -> None:
        super().__init__(settings.name, clock, address=settings.device)
        self._settings = settings
        self._adapter: Adapter | None = None
        self._own: int | None = None
        self._driver = ""
        self._sending: dict[int, asyncio.Future[Message]] = {}
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        backoff = Backoff(cap_s=self._settings.retry_cap_s)
        try:
            while True:
                try:
                    await self._serve(backoff)
                except OSError as error:
                    self._let_go(_why(error, self._settings.device))
                await self._clock.sleep(backoff.next_s())
        finally:
            self._let_go("stopped")

    async def _serve(self, backoff: Backoff) -> None:
        """Open the adapter and look after it until it is gone (OSError)."""
        self._adapter = Adapter(self._settings.device)
        self._driver = self._adapter.driver
        asyncio.get_running_loop().add_reader(self._adapter.fd, self._readable)
        while True:
            self._adapter.changed()
            place, self._own = self._adapter.place(), self._adapter.address(self._settings.osd_name)
            if place == NO_PLACE:
                self._went_down("nothing is plugged in, or it is switched off at the wall")
            elif self._own is None:
                self._went_down("it has no address on the bus yet")
            else:
                backoff.reset()
                self._came_up()
            await self._clock.sleep(LOOK_S)

    def _let_go(self, reason: str) -> None:
        adapter, self._adapter, self._own = self._adapter, None, None
        if adapter is not None:
            asyncio.get_running_loop().remove_reader(adapter.fd)
            adapter.close()
        for waiting in self._sending.values():
            if not waiting.done():
                waiting.set_exception(LinkError(f"{self.name} went down: {reason}"))
                waiting.exception()  # whoever asked may have left
        self._sending.clear()
        self._went_down(reason)

    # -- receiving ----------------------------------------------------------------------------------------

    def _readable(self) -> None:
        try:
            while self._adapter is not None and (message := self._adapter.receive()) is not None:
                self._take(message)
        except OSError:
            # `run` finds out why. A file that stays readable and cannot be read would keep the loop busy.
            if self._adapter is not None:
                asyncio.get_running_loop().remove_reader(self._adapter.fd)

    def _take(self, message: Message) -> None:
        if message.sequence:
            waiting = self._sending.pop(message.sequence, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(message)
        elif len(message.data) > 1:
            self._deliver(f"{self.name}/{message.sender}", message.data)
            if not message.is_broadcast:
                self._answer_for_us(message)

    def _answer_for_us(self, message: Message) -> None:
        """Others wait a second for an answer."""
        opcode = message.data[1]
        if opcode in KERNEL_ANSWERS or opcode in ANSWERS.values() or opcode == FEATURE_ABORT:
            return
        said = bytes([REPORT_POWER, 0]) if opcode == GIVE_POWER else bytes([FEATURE_ABORT, opcode, NOT_KNOWN])
        try:
            assert self._adapter is not None and self._own is not None  # it was just read from
            self._adapter.transmit(bytes([self._own << 4 | message.sender]) + said)
        except OSError as error:
            log.debug("%s: no answer to %s: %s", self.name, message.data.hex(" "), error)

    # -- sending ------------------------------------------------------------------------------------------

    async def send(self, data: bytes, *, to: str = "", retain: bool = False) -> None:
        """Over when the other side has acknowledged it. LinkError when nobody is there."""
        await self._transmit(data, to, 0, 5.0)

    async def request(self, data: bytes, *, to: str = "", reply: str = "", timeout_s: float = 5.0) -> Frame:
        """The answer. LinkError when there is none, or none is known for this question."""
        wanted = ANSWERS.get(data[0]) if data else None
        if wanted is None:
            raise LinkError(f"{self.name}: no message answers {data[:1].hex() or 'nothing'}")
        done = await self._transmit(data, to, wanted, timeout_s)
        if not done.rx_status & (kernel.RX_OK | kernel.RX_FEATURE_ABORT):
            raise LinkError(f"{to}: no answer within {timeout_s:g} s")
        return self._deliver(to, done.data, asked=data)

    async def _transmit(self, data: bytes, to: str, reply: int, timeout_s: float) -> Message:
        """Send one message at a time and wait for what becomes of it."""
        address = _address(to, self.name)
        async with self._turn:
            if self._adapter is None or self._own is None or not self.up:
                raise LinkError(f"{self.name} is down: {self._reason}")
            done: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
            try:
                whole = bytes([self._own << 4 | address]) + data
                # The kernel waits at most a second for an answer, whatever it is asked for.
                sequence = self._adapter.transmit(whole, reply, min(int(timeout_s * 1000), 1000) if reply else 0)
            except (OSError, ValueError) as error:
                raise LinkError(f"{to}: not sent: {error}") from error
            self._sending[sequence] = done
            self._sent += 1
            try:
                async with asyncio.timeout(timeout_s + 2):
                    result = await done
            except TimeoutError:
                raise LinkError(f"{to}: the adapter does not say what became of it") from None
            finally:
                self._sending.pop(sequence, None)
        if not result.tx_status & kernel.TX_OK:
            what = "nobody is there" if result.tx_status & kernel.TX_NACK else "the wire is disturbed"
            raise LinkError(f"{to}: {what}", hint="Is HDMI-CEC switched on in the display's menu?")
        return result

    def notes(self) -> Mapping[str, Any]:
        return {"driver": self._driver, "own_address": self._own if self._own is not None else ""}


def _address(to: str, name: str) -> int:
    """The logical address in a source."""
    place = to.removeprefix(f"{name}/")
    if not place.isdigit() or not place.isascii() or int(place) > 15:
        raise LinkError(f"{to!r} is no CEC address", hint=f"{name}/0 is the TV, {name}/5 a sound system")
    return int(place)


def _why(error: OSError, device: str) -> str:
    """Why the adapter cannot be used, in words."""
    if isinstance(error, FileNotFoundError):
        return f"there is no {device}"
    if isinstance(error, PermissionError):
        return f"{device} may not be opened; the gateway's user has to be in the group video"
    return f"{device}: {error.strerror or error}"
