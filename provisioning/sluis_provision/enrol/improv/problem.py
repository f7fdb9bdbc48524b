"""Why a device did not get its network: a sentence, and what to do. The next attempt starts from what is true then."""

from __future__ import annotations

from sluis.model import ProvisionError


class NoImprov(ProvisionError):
    """Nothing answers to Improv."""

    code = "improv.silent"
    hint = (
        "Does the device speak Improv, and is it on? A node of ours without firmware is flashed first (sluis flash); "
        "one that sits at its prompt is restarted by its RESET button."
    )


class Gone(NoImprov):
    """The connection ended in the middle."""

    code = "improv.gone"
    hint = "Come nearer, and try again: a device takes a network whole or not at all."


class NotHeard(ProvisionError):
    """No such device offers Improv over Bluetooth."""

    code = "improv.not-heard"
    hint = (
        "A device offers Improv only while it has no network. Switch it off and on, wait half a minute, come nearer, "
        "and look for it with: sluis enrol --improv ble"
    )


class Locked(ProvisionError):
    """The device wants somebody to be beside it first."""

    code = "improv.locked"
    hint = "Press its button, or switch it off and on (a node of ours), and try again within ten minutes."


class NotJoined(ProvisionError):
    """The device could not join the network."""

    code = "improv.not-joined"
    hint = "Check the password (capital letters count) and the distance to the access point, and try again."


class Joined(ProvisionError):
    """The device has a network already."""

    code = "improv.joined"
    hint = "To move it to another network, give --again."


class BadAnswer(ProvisionError):
    """The device refuses, or answers something else than was asked."""

    code = "improv.refused"
    hint = "Its firmware may be too old or too new for this. Restart it and try once more."
