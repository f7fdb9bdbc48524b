"""Slow down whoever guesses. Counted per account and per address, in the store, so that a restart forgives nobody."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from sluis.panel.errors import Throttled
from sluis.panel.ports import AccountStore
from sluis.runtime import Clock

FREE_TRIES = {"account": 5, "address": 20, "setup": 10}
"""Failures in a row before waiting begins. Fewer for an account and a person with cold fingers is locked out; more
and a weak password falls. An address has more, because a whole office can sit behind one."""

FIRST_WAIT_S = 2.0
"""Wait after the first failure too many; doubles with each further one."""

LONGEST_WAIT_S = 900.0
"""Longer and anyone who knows a colleague's name can lock them out for a day; at one guess per quarter of an hour
even four random digits last for weeks."""


def address_subject(origin: str) -> str:
    """The subject for an address. IPv6 counts per /64: whoever has one address there has all of them."""
    try:
        address = ip_address(origin)
    except ValueError:
        return f"address:{origin[:64]}"
    if address.version == 6:
        return f"address:{ip_network((address, 64), strict=False)}"
    return f"address:{address}"


class Throttle:
    """Back-off for failed tries. A subject is `kind:name`."""

    def __init__(self, store: AccountStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def check(self, *subjects: str) -> None:
        """Throttled while any of the subjects has to wait."""
        now = self._clock.stamp().at_us
        for subject in subjects:
            _, until = await self._store.tries(subject)
            # A wall clock that was set back must not lock anyone out for longer than the longest wait.
            wait_s = min((until - now) / 1e6, LONGEST_WAIT_S)
            if wait_s > 0:
                raise Throttled(wait_s)

    async def failed(self, *subjects: str) -> None:
        now = self._clock.stamp().at_us
        for subject in subjects:
            failures, _ = await self._store.tries(subject)
            over = failures + 1 - FREE_TRIES[subject.partition(":")[0]]
            wait_s = min(FIRST_WAIT_S * 2 ** min(over - 1, 20), LONGEST_WAIT_S) if over > 0 else 0.0
            await self._store.count_failure(subject, now, now + int(wait_s * 1e6))

    async def forgive(self, subject: str) -> None:
        """The right password for an account ends its wait; an address keeps its count."""
        await self._store.clear_failures(subject)
