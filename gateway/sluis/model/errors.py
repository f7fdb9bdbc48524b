"""The error tree.

    SluisError                         code (stable), hint (what to do), retry (never | later | now)
    + ConfigError(ValueError)          where it stands and what is allowed
    + LinkError(ConnectionError)       a link is down, busy or refused us
    + FrameError                       the other side's fault
    |   + NotMine                      flow, not an error: some other driver's frame
    |   + Truncated, BadChecksum, Implausible
    + CommandError
    |   + UnknownPoint(LookupError), ReadOnly, OutOfRange(ValueError), Expired(TimeoutError),
    |     Refused, NotNow, LeaseHeld
    + UnknownDevice(LookupError)
    + NotFound(LookupError), AlreadyThere, LastAdmin
    + DriverError                      a driver broke its contract
    + ProvisionError                   a board could not be made a device
    + StoreError(OSError)
    + BundleError(ValueError)          something to install is not what was signed, or does not suit

Raise where it is known, translate once at a room's door with `from`. Every code has a heading in
docs/reference/errors.md; a test checks it. A person sees the sentence and the hint, never a traceback.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Retry(StrEnum):
    """Whether doing the same again can help."""

    NEVER = "never"
    LATER = "later"
    NOW = "now"


class SluisError(Exception):
    """Root of all errors Sluis raises on purpose."""

    code: ClassVar[str] = "sluis"
    hint: str = ""
    retry: ClassVar[Retry] = Retry.NEVER

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(message or type(self).__doc__ or type(self).code)
        if hint:
            self.hint = hint


class ConfigError(SluisError, ValueError):
    """A setting is wrong."""

    code = "config"

    def __init__(self, message: str, *, where: str = "", allowed: str = "", hint: str = "") -> None:
        parts = [f"{where}: " if where else "", message, f" (allowed: {allowed})" if allowed else ""]
        super().__init__("".join(parts), hint=hint)
        self.where = where
        self.allowed = allowed


class LinkError(SluisError, ConnectionError):
    """A link is down, busy or refused us."""

    code = "link"
    hint = "Look at the link's page under System; it reconnects by itself."
    retry = Retry.LATER


class FrameError(SluisError):
    """A frame cannot be read; the sender's fault."""

    code = "frame"


class NotMine(FrameError):
    """The frame belongs to another driver."""

    code = "frame.not-mine"


class Truncated(FrameError):
    """The frame is shorter than its own format says."""

    code = "frame.truncated"


class BadChecksum(FrameError):
    """The frame's check value does not match."""

    code = "frame.bad-checksum"


class Implausible(FrameError):
    """The frame is well-formed but says what cannot be."""

    code = "frame.implausible"


class CommandError(SluisError):
    """A command cannot be carried out."""

    code = "command"


class UnknownPoint(CommandError, LookupError):
    """The device has no such point."""

    code = "command.unknown-point"
    hint = "List the device's points with: sluis points DEVICE"


class ReadOnly(CommandError):
    """The point can be read, not written."""

    code = "command.read-only"


class OutOfRange(CommandError, ValueError):
    """The value is outside what the point accepts."""

    code = "command.out-of-range"


class Expired(CommandError, TimeoutError):
    """The device did not do it before the deadline."""

    code = "command.expired"
    hint = "Check that the device is powered and in reach, then try again."
    retry = Retry.LATER


class Refused(CommandError):
    """Not permitted, or the device said no."""

    code = "command.refused"


class NotNow(CommandError):
    """The device cannot do it at this moment; it will be able to by itself (a projector that warms up).

    A driver raises it from `perform`. Control then keeps the command and performs it again `again_s` later, until the
    command's deadline.
    """

    code = "command.not-now"
    hint = "Try again in a minute: the device is between two states."
    retry = Retry.LATER
    again_s: float = 2.0


class LeaseHeld(CommandError):
    """Somebody else holds the point."""

    code = "command.lease-held"
    retry = Retry.LATER


class UnknownDevice(SluisError, LookupError):
    """There is no such device."""

    code = "device.unknown"
    hint = "List the devices with: sluis devices"


class NotFound(SluisError, LookupError):
    """There is no such thing, or you may not see it."""

    code = "not-found"


class AlreadyThere(SluisError):
    """The name is taken."""

    code = "exists"
    hint = "Choose another name."


class LastAdmin(SluisError):
    """This is the last admin who can sign in; without one nobody can manage the gateway."""

    code = "auth.last-admin"
    hint = "Make somebody else admin first."


class DriverError(SluisError):
    """A driver broke its contract."""

    code = "driver"
    hint = "Run: sluis driver check FILE"


class ProvisionError(SluisError):
    """A board could not be made a device, or a paper of it not be made."""

    code = "provision"
    retry = Retry.NOW


class StoreError(SluisError, OSError):
    """The store cannot do its work."""

    code = "store"
    retry = Retry.LATER


class BundleError(SluisError, ValueError):
    """Something to install is not what was signed, or does not suit."""

    code = "bundle"
