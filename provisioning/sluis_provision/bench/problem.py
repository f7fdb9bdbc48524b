"""What can go wrong at a bench beside the flashing itself."""

from __future__ import annotations

from sluis.model import AlreadyThere, NotFound, ProvisionError


class NotProvenYet(ProvisionError):
    """The board runs, and did not get its key or did not pass its test."""

    code = "provision.not-proven"
    hint = "Correct that, and test it again. It need not be flashed again."


class BenchBusy(AlreadyThere):
    """Boards are being written on this bench."""

    code = "provision.busy"
    hint = "Wait until they are done, or stop them."


class NoRun(NotFound):
    """No boards were written since the last tray was put away."""

    code = "provision.no-run"
    hint = "Pick boards and begin."
