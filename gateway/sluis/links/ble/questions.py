"""Questions that are written to a characteristic and answered by a notification."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from sluis.links.ble.peers import Device
from sluis.links.exchange.cutting import fits
from sluis.model import Frame, LinkError
from sluis.sdk import Framing


@dataclass(slots=True, eq=False)
class Question:
    """One that waits for its answer."""

    data: bytes
    framing: Framing | None
    """Of the device: what of a question its answer repeats (`Framing.same`)."""
    answer: asyncio.Future[Frame] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def answered_by(self, data: bytes) -> bool:
        """Whether this is the answer, and not a late one to an earlier question."""
        return not self.answer.done() and (self.framing is None or fits(self.framing, self.data, data))

    async def wait(self, device: Device) -> Frame:
        """The answer. LinkError when the connection ends before it comes."""
        ended = asyncio.ensure_future(device.ended.wait())
        try:
            await asyncio.wait((self.answer, ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
        if not self.answer.done():
            raise LinkError(f"{device.address}: the connection was lost")
        return self.answer.result()
