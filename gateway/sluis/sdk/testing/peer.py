"""The other end of a driver's link, with mishaps on the way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sluis.model import Frame, LinkError
from sluis.sdk.standin import StandIn
from sluis.sdk.testing.frames import Case
from sluis.sdk.testing.link import START, Sent

ENOUGH = 200
"""Things sent in one poll or command after which it is a loop. A large meter is read in some dozens."""


class Enough(BaseException):
    """A driver sends without end. No `Exception`: a driver that catches those must not get away with it."""


class Peer:
    """What a device answers: as its stand-in does, else as its frames file says."""

    def __init__(self, cases: Sequence[Case], stand_in: StandIn | None = None) -> None:
        self._stand_in = stand_in
        self._known = {
            (case.frame.source, case.frame.asked): case.frame.data
            for case in cases
            if case.kind == "frame" and "error" not in case.entry
        }
        self._listed = [
            answer.encode() if isinstance(answer, str) else bytes.fromhex(answer["hex"])
            for case in cases
            for answer in case.entry.get("answers", ())
            if isinstance(answer, str) or (isinstance(answer, dict) and "hex" in answer)
        ]

    def answer(self, to: str, reply: str, data: bytes) -> bytes | None:
        """None when it says nothing to this."""
        if self._stand_in is not None:
            for _, said in self._stand_in.answers(to, data):
                return said
        known = self._known.get((reply or to, data))
        return known if known is not None else next(iter(self._listed), None)


class TroubledLink:
    """A link to a peer on which something happens at the step number `at`, counted over everything that is sent."""

    def __init__(self, peer: Peer, what: str = "", at: int = -1, garbage: bytes = b"") -> None:
        self.sent: list[Sent] = []
        self.happened = False
        self._peer = peer
        self._what, self._at, self._garbage = what, at, garbage
        self._before = b""

    async def send(self, data: bytes, *, to: str = "", retain: bool = False) -> None:
        self._step(data, to, retain)

    async def request(self, data: bytes, *, to: str = "", reply: str = "", timeout_s: float = 5.0) -> Frame:
        now = self._step(data, to)
        answer = self._peer.answer(to, reply, data)
        if now and self._what == "garbage":
            answer = self._garbage
        elif now and self._what == "answer before":
            answer = self._before
        if answer is None or (now and self._what == "slow"):
            raise LinkError(f"no answer from {reply or to} within {timeout_s:g} s")
        self._before = answer
        return Frame("trouble", reply or to, answer, START, asked=data)

    def _step(self, data: bytes, to: str, retain: bool = False) -> bool:
        """Whether it happens at this step."""
        if len(self.sent) >= ENOUGH:
            raise Enough(f"{ENOUGH} messages and no end")
        now = len(self.sent) == self._at
        self.happened = self.happened or now
        if now and self._what == "unplug":
            raise LinkError("the cable was pulled")
        self.sent.append(Sent(to, data, retain))
        return now


def steps(sent: Iterable[Sent]) -> list[tuple[str, bytes]]:
    """What was sent, to compare two courses of the same."""
    return [(one.to, one.data) for one in sent]
