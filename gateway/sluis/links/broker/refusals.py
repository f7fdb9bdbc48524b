"""Who did not get in at the broker, and why: read from mosquitto's own log, where alone it stands.

    New connection from 192.0.2.9:60541 on port 8883.
    New client connected from 192.0.2.9:60541 as e66141040302 (p2, c1, k60, u'e66141040302').
    Client <unknown> disconnected, not authorised.
    OpenSSL Error[0]: error:0A000418:SSL routines::tlsv1 alert unknown ca
    Client <unknown> disconnected: Protocol error.
    Client e66141040302 already connected, closing old connection.

mosquitto 2.0 does not say who was refused. It says from where each connection came, so a refusal is that of the only
connection that was open and had not introduced itself; where there were two, nobody knows.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from sluis.model import Stamp

KEPT = 200
"""Refusals remembered. A device that knocks every minute for hours must not push out what others did."""

ADDRESSES = 4_000
"""Accounts whose address is remembered; twice what the broker lets in."""

WAITING = 64
"""Connections that have not said who they are; more are a flood, and nobody's in particular."""

TAKEN_OVER_WITHIN_S = 600.0
TAKEN_OVER_TIMES = 3
"""One board that lost its network comes back over its own old connection, once. Two boards do it to each other for
ever, within seconds."""

OPENED = re.compile(r"New connection from (.+):(\d+) on port (\d+)\.")
LET_IN = re.compile(r"New client connected from (.+):(\d+) as (\S+) \(")
TAKEN_OVER = re.compile(r"Client (\S+) already connected, closing old connection\.")
ALERT = re.compile(r"OpenSSL Error\[\d+\]: .*alert (.+)$")
UNKNOWN_LEFT = "Client <unknown> "


@dataclass(frozen=True, slots=True)
class Refusal:
    """One connection that was refused, or that refused us."""

    at_us: int
    why: str
    """`key`: it said a wrong name or password. `certificate`: it does not trust ours."""
    address: str = ""
    """Where it came from; "" when that is not known."""
    detail: str = ""


class Refusals:
    """Fed with the broker's log lines; asked per account."""

    def __init__(self, now: Callable[[], Stamp], inner_port: int) -> None:
        self._now = now
        self._inner_port = str(inner_port)
        self._waiting: dict[str, str] = {}
        self._alert = ""
        self._refused: deque[Refusal] = deque(maxlen=KEPT)
        self._address: dict[str, str] = {}
        self._let_in_us: dict[str, int] = {}
        self._taken_over: dict[str, deque[int]] = {}

    def heard(self, line: str) -> None:
        """One line of the log."""
        if opened := OPENED.match(line):
            address, number, port = opened.groups()
            if port != self._inner_port and len(self._waiting) < WAITING:
                self._waiting[f"{address}:{number}"] = address
        elif let_in := LET_IN.match(line):
            address, number, account = let_in.groups()
            came = self._waiting.pop(f"{address}:{number}", "")
            if came and (account in self._address or len(self._address) < ADDRESSES):
                self._address[account] = address
                self._let_in_us[account] = self._now().at_us
        elif taken := TAKEN_OVER.match(line):
            if taken[1] in self._address:
                self._taken_over.setdefault(taken[1], deque(maxlen=TAKEN_OVER_TIMES)).append(self._now().mono_us)
        elif alert := ALERT.match(line):
            self._alert = alert[1].strip()
        elif line.startswith(UNKNOWN_LEFT):
            self._left(line)

    def _left(self, line: str) -> None:
        alert, self._alert = self._alert, ""
        address = next(iter(self._waiting.values())) if len(self._waiting) == 1 else ""
        self._waiting.clear()
        if line.endswith("not authorised."):
            self._refused.append(Refusal(self._now().at_us, "key", address))
        elif alert:
            self._refused.append(Refusal(self._now().at_us, "certificate", address, alert))

    def address(self, account: str) -> str:
        """Where the account was last let in from; "" for never."""
        return self._address.get(account, "")

    def let_in_us(self, account: str) -> int:
        """When it was last let in; 0 for never in this life of the broker."""
        return self._let_in_us.get(account, 0)

    def twice(self, account: str) -> bool:
        """Whether two clients keep taking this account from each other."""
        times = self._taken_over.get(account)
        if times is None or len(times) < TAKEN_OVER_TIMES:
            return False
        return self._now().mono_us - times[0] < TAKEN_OVER_WITHIN_S * 1e6

    def of(self, account: str, since_us: int) -> Refusal | None:
        """The last refusal from where this account lives, since then and since it was let in."""
        address, since_us = self.address(account), max(since_us, self.let_in_us(account))
        return self._newest(since_us, lambda one: bool(address) and one.address == address)

    def of_strangers(self, since_us: int) -> Refusal | None:
        """The last refusal since then of somebody who lives nowhere we know."""
        known = set(self._address.values())
        return self._newest(since_us, lambda one: one.address not in known)

    def _newest(self, since_us: int, fits: Callable[[Refusal], bool]) -> Refusal | None:
        found = (one for one in reversed(self._refused) if one.at_us >= since_us and fits(one))
        return next(found, None)
