"""What every service stands on: the bus, the supervisor, back-off and the clock."""

from sluis.runtime.bus import Bus, Subscription
from sluis.runtime.clock import Clock, ManualClock, SystemClock
from sluis.runtime.ladder import Ladder, Rung, Step
from sluis.runtime.supervisor import Backoff, supervise

__all__ = [
    "Backoff",
    "Bus",
    "Clock",
    "Ladder",
    "ManualClock",
    "Rung",
    "Step",
    "Subscription",
    "SystemClock",
    "supervise",
]
