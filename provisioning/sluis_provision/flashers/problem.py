"""Why a board is not flashed: a sentence, what to do, and in which state it leaves the board.

Each has its code and its heading in docs/reference/errors.md. None of these states is final: the next attempt starts
from what is true of the board then.
"""

from __future__ import annotations

from sluis.model import ProvisionError, Retry


class PortUnusable(ProvisionError):
    """The port is not there, in use, or not ours to open."""

    code = "provision.port"
    hint = "Plug the board in, close other programs on the port (`sudo fuser -v PORT` names them), and try again."


class NoAnswer(ProvisionError):
    """Nothing answers on the port, or not without errors at any speed."""

    code = "provision.no-answer"
    hint = "Check the cable (some only charge), hold BOOT while plugging in, and try again."


class Unplugged(ProvisionError):
    """The board was unplugged, or lost its power."""

    code = "provision.unplugged"
    hint = "Plug it in again: what was verified before is not written again."


class WrongChip(ProvisionError):
    """The board has another chip than the profile is for."""

    code = "provision.wrong-chip"
    hint = "Choose the profile of this board: sluis bundle images"
    retry = Retry.NEVER


class WrongImage(ProvisionError):
    """The image is damaged, or made for another chip."""

    code = "provision.wrong-image"
    hint = "Import the image for this chip: sluis bundle import FOLDER"
    retry = Retry.NEVER


class TooLarge(ProvisionError):
    """What is to be written does not fit in the board's flash."""

    code = "provision.too-large"
    hint = "Use a board with more flash, or an image made for this size."
    retry = Retry.NEVER


class BoardFull(ProvisionError):
    """The board's file system has no room left."""

    code = "provision.full"
    hint = "Run again with --erase: the board's file system is made anew."
    retry = Retry.NEVER


class NotVerified(ProvisionError):
    """What was read back is not what was written."""

    code = "provision.not-verified"
    hint = "Try once more. If the same place differs again, the flash chip is worn or damaged: use another board."


class NotStarted(ProvisionError):
    """The board does not start what was written to it."""

    code = "provision.not-started"
    hint = "Run again with --erase: the whole flash is written anew."


class NoRepl(ProvisionError):
    """The board does not give its MicroPython prompt."""

    code = "provision.no-repl"
    hint = (
        "A program on it does not let itself be interrupted, or it runs no MicroPython. "
        "Press its RESET and try again at once, or flash it with --erase."
    )


class BoardRefused(ProvisionError):
    """MicroPython on the board answered with an error."""

    code = "provision.board-error"


class SameId(ProvisionError):
    """Two boards have the same number."""

    code = "provision.same-id"
    hint = "Flash one of them alone. If its number is the same then too, it is a copy: do not use both on one site."


class ToolUnusable(ProvisionError):
    """esptool is not there, or is another version than its output was read from."""

    code = "provision.tool"
    hint = "Install Sluis again: it brings the version it was tested with."
    retry = Retry.NEVER


class Unapproved(ProvisionError):
    """Nobody said that this board may be overwritten."""

    code = "provision.not-approved"
    hint = "Run again and answer yes, or give --yes for all boards."


class Stopped(ProvisionError):
    """Stopped before it was done."""

    code = "provision.stopped"
    hint = "Run the same command again: what was verified is not written again."
