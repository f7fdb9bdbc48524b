"""What can go wrong with a node, each with what to do next."""

from __future__ import annotations

from sluis.model import AlreadyThere, LinkError, NotFound, ProvisionError, Refused


class UnknownNode(NotFound):
    """There is no such node."""

    code = "node.unknown"
    hint = "List the nodes with: sluis nodes"


class SameId(AlreadyThere):
    """A node with this id is in use."""

    code = "node.same-id"
    hint = (
        "Is it the same board, flashed anew? Enrol it with --again: it gets a new key and the old one ends. "
        "If it is another board, two boards have one id: leave this one out."
    )


class NodeRevoked(Refused):
    """The node has no credentials: it was revoked or replaced."""

    code = "node.revoked"
    hint = "Enrol it again to give it new ones."


class NodeSilent(LinkError):
    """The node did not answer."""

    code = "node.silent"
    hint = "Is it powered, and in reach of its Wi-Fi? See what is known of it with: sluis nodes"


class NodeRefused(Refused):
    """The node said no."""

    code = "node.refused"
    hint = "Its answer says why. Correct that and ask again."
    later_s: float = 0.0
    """When to ask again, where it said that only now is no time."""


class NotProven(Refused):
    """The node has not passed its factory test."""

    code = "node.not-proven"
    hint = "Test it with: sluis test NODE. To take it into use all the same, give a reason."


class CodeUsed(Refused):
    """The set-up code has been used, or belongs to an earlier key."""

    code = "node.code-used"
    hint = "A set-up code works once. Rotate the node's key for a new one: sluis node rotate NODE"


class KeyNotTaken(ProvisionError):
    """The node did not keep the key that it was given."""

    code = "node.key-not-taken"
    hint = "Enrol it once more. If it happens again its flash is full or worn: flash it with --erase."


class NoFirmware(ProvisionError):
    """The board runs MicroPython, but no firmware of ours."""

    code = "node.no-firmware"
    hint = "Flash it first: sluis flash. If it was, its log over the cable says why it does not start."
