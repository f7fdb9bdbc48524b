"""Many boards at once, each a card that tells each of its steps."""

from sluis_provision.bench.bench import Bench
from sluis_provision.bench.card import Card, Failure, Step
from sluis_provision.bench.job import Action, Approve, Job, Seat, Socket, Tell
from sluis_provision.bench.memory import Memory
from sluis_provision.bench.report import event, report, text

__all__ = [
    "Action",
    "Approve",
    "Bench",
    "Card",
    "Failure",
    "Job",
    "Memory",
    "Seat",
    "Socket",
    "Step",
    "Tell",
    "event",
    "report",
    "text",
]
