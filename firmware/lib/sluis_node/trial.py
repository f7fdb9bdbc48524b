"""Settings on trial: a file and, beside it, `.good`: the last one with which this node reached its broker.

A file that differs from its good one is on trial. It falls back when the boot before was not confirmed, or when the
broker is not reached in time; a node that never had a good one has nothing to fall back to.
"""

from sluis_node import files

PAIRS = (("/node.json", "/node.good"), ("/net.json", "/net.good"))

TRIAL_S = 180
"""How long a trial may look for its broker: Wi-Fi, DHCP, time and TLS take an RP2040 half a minute. Shorter and an
access point that is just starting undoes a good change; longer and a wrong one leaves the node out of reach."""

OLD = "/node.old"
"""What was wired before what is good now: the way back."""

SHORTEST_S, LONGEST_S = 5, 3600
LIMIT = "/trial.s"
"""Holds another time for the trial that is on, where whoever asked for it gave one."""


def limit_s() -> int:
    """How long this trial may take."""
    try:
        return min(max(int(files.read(LIMIT) or TRIAL_S), SHORTEST_S), LONGEST_S)
    except ValueError:  # damaged
        return TRIAL_S


def set_limit(seconds: int) -> None:
    if seconds == TRIAL_S:
        files.remove(LIMIT)
    else:
        files.write(LIMIT, str(seconds))


def on_trial() -> "list[str]":
    """The files that are."""
    found = []
    for path, good in PAIRS:
        kept = files.read(good)
        if kept is not None and kept != files.read(path):
            found.append(path)
    return found


def accept() -> None:
    """The broker was reached with what is there now."""
    for path, good in PAIRS:
        now = files.read(path)
        kept = files.read(good)
        if now is not None and now != kept:
            if kept is not None and good == "/node.good":
                files.write(OLD, kept)
            files.write(good, now)
    files.remove(LIMIT)


def fall_back() -> "list[str]":
    """Put the good ones back; the files that changed."""
    changed = []
    for path, good in PAIRS:
        kept = files.read(good)
        if kept is not None and kept != files.read(path):
            files.write(path, kept)
            changed.append(path)
    files.remove(LIMIT)
    return changed
