"""A scan for people: what intake hears, links that are down, and serial ports that nobody set up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from sluis.intake.scan import Scan
from sluis.links.serial.ports import Found, all_ports
from sluis.model import Actor
from sluis.panel.ports import Audit
from sluis.panel.reports import FreePort, LinkReport, ScanReport


class Scanning:
    """Implements the panel's `Scanning`."""

    def __init__(
        self,
        scan: Scan,
        links: Callable[[], Sequence[LinkReport]],
        audit: Audit,
        ports: Callable[[], Sequence[Found]] = all_ports,
    ) -> None:
        self._scan = scan
        self._links = links
        self._audit = audit
        self._ports = ports

    async def begin(self, for_s: float, actor: Actor) -> ScanReport:
        lasts_s = self._scan.begin(for_s)
        await self._audit.record(actor, "scan.begin", "links", {"for_s": lasts_s})
        return await self.report()

    async def report(self) -> ScanReport:
        links = self._links()
        ports = await asyncio.to_thread(self._ports)
        return ScanReport(
            left_s=self._scan.left_s,
            left_out=self._scan.left_out,
            heard=self._scan.heard(),
            down=[link for link in links if not link.up],
            free_ports=_free(ports, links),
        )


def _free(ports: Sequence[Found], links: Sequence[LinkReport]) -> list[FreePort]:
    """The ports that no serial link has found to be its own."""
    serial = [link.notes for link in links if link.kind == "serial"]
    adapters = {(notes.get("adapter"), notes.get("place")) for notes in serial}
    devices = {notes.get("device") for notes in serial}
    return [
        FreePort(port.device, port.usb.text if port.usb else port.device, port.words)
        for port in ports
        if ((port.usb.text, port.usb.place) not in adapters if port.usb else port.device not in devices)
    ]
