"""The time of day, by SNTP. Until it is known, readings have none.

Source: RFC 4330 (SNTP version 4), section 5: a client's request and the checks of the answer.

A board without a battery starts in 2000 or 2021, when no certificate was valid yet. So the clock is set, without being
called synchronised, to the latest time that is known to have passed: when the node was enrolled, or `/clock`.
"""

import asyncio
import os
import socket
import time

from sluis_node import files

PORT = 123
NTP_TO_UNIX_S = 2208988800
ANSWER_MS = 2000
AGAIN_S = 3 * 3600
"""A crystal of 30 ppm is 0.3 s off after three hours."""
RETRY_S = 60
FLOOR_STEP_S = 30 * 86400
"""`/clock` is written when time has gone on by this much, to spare the flash. Far less than a certificate's life."""

_EPOCH_S = 946684800 if time.gmtime(0)[0] == 2000 else 0


class Clock:
    """`servers` are names or addresses, each perhaps with `:port`."""

    def __init__(self, servers: "tuple[str, ...]") -> None:
        self.servers = servers
        self.synced = False
        self._offset_ms = 0
        """True time minus the chip's."""

    def unix_ms(self) -> int:
        return time.time_ns() // 1000000 + _EPOCH_S * 1000 + self._offset_ms

    def at_least(self, enrolled_at: int) -> None:
        """Set the clock to the latest time that is known to have passed, if it is behind that."""
        kept = files.read("/clock") or b""
        floor = max(enrolled_at, int(kept) if kept.isdigit() else 0)
        if self.unix_ms() // 1000 < floor:
            self._set(floor * 1000)

    def _set(self, unix_ms: int) -> None:
        """The chip's clock is what TLS goes by; what is left over stays with us."""
        try:
            from machine import RTC

            year, month, day, hour, minute, second, weekday = time.gmtime(unix_ms // 1000 - _EPOCH_S)[:7]
            RTC().datetime((year, month, day, weekday, hour, minute, second, 0))
        except ImportError:
            pass
        self._offset_ms = 0
        self._offset_ms = unix_ms - self.unix_ms()

    async def run(self) -> None:
        """Keep the time, for ever."""
        while True:
            got = False
            for server in self.servers:
                if await self.ask(server):
                    got = True
                    break
            await asyncio.sleep(AGAIN_S if got else RETRY_S)

    async def ask(self, server: str) -> bool:
        """Ask one server; whether the time is known now."""
        mark = os.urandom(8)
        line = None
        try:
            host, _, port = server.partition(":")
            address = socket.getaddrinfo(host, int(port or PORT), 0, socket.SOCK_DGRAM)[0][-1]
            line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            line.setblocking(False)
            sent = time.ticks_ms()
            line.sendto(b"\x23" + bytes(39) + mark, address)
            while True:
                waited = time.ticks_diff(time.ticks_ms(), sent)
                if waited > ANSWER_MS:
                    return False
                try:
                    answer = line.recv(48)
                except OSError:
                    answer = b""
                unix_ms = read_answer(answer, mark)
                if unix_ms:
                    # Half of the way there and back is the way back.
                    self._learn(unix_ms + waited // 2)
                    return True
                await asyncio.sleep_ms(10)
        except (OSError, ValueError):
            return False
        finally:
            if line is not None:
                line.close()

    def _learn(self, unix_ms: int) -> None:
        self._set(unix_ms)
        self.synced = True
        kept = files.read("/clock") or b""
        now_s = unix_ms // 1000
        if now_s - (int(kept) if kept.isdigit() else 0) > FLOOR_STEP_S:
            files.write("/clock", str(now_s))


def read_answer(answer: bytes, mark: bytes) -> int:
    """The server's time in ms since 1970; 0 for anything that is not an answer to `mark` of a server that knows.

    Seconds below 2^31 are of the era that begins in 2036 (RFC 4330, section 3).
    """
    if len(answer) < 48 or answer[0] & 7 != 4 or answer[0] >> 6 == 3 or not 0 < answer[1] < 16:
        return 0
    if answer[24:32] != mark:
        return 0
    seconds = int.from_bytes(answer[40:44], "big")
    if not seconds:
        return 0
    if seconds < 0x80000000:
        seconds += 1 << 32
    return (seconds - NTP_TO_UNIX_S) * 1000 + (int.from_bytes(answer[44:48], "big") * 1000 >> 32)
