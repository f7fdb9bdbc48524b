"""Our own voice on a two-wire bus: what was sent comes back on the receiving side and is dropped."""

from __future__ import annotations

from sluis.links.exchange.cutting import repeats_itself
from sluis.links.exchange.pace import Echo
from sluis.links.exchange.tally import Tally
from sluis.sdk import Framing


class OwnVoice:
    """Whether an adapter hears itself is told (`on`, `off`), or found out from the first question whose right answer
    cannot be the same bytes again (`auto`)."""

    def __init__(self, echo: Echo, tally: Tally) -> None:
        self.heard = echo == "on"
        self._off = echo == "off"
        self._tally = tally
        self._sent = b""
        self._got = bytearray()

    def sending(self, data: bytes, framing: Framing) -> None:
        """`data` goes out now and may come back."""
        expected = self.heard or not (self._off or repeats_itself(framing, data))
        self._sent = data if expected else b""
        self._got.clear()

    def over(self) -> None:
        """What comes from now on is not ours."""
        self._sent = b""

    def without(self, data: bytes) -> bytes:
        """`data` without what we sent ourselves."""
        if not self._sent:
            return data
        self._got += data
        sent, got = self._sent, bytes(self._got)
        if not sent.startswith(got[: len(sent)]):
            self._sent = b""
            self._tally.collisions += self.heard
            return got
        if len(got) < len(sent):
            return b""
        self._sent = b""
        self._tally.echoes += 1
        self.heard = True
        return got[len(sent) :]
