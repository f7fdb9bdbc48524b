"""What goes wrong on a release machine."""

from __future__ import annotations

from sluis.model import BundleError


class KeyLocked(BundleError):
    """The passphrase does not open the key."""

    code = "bundle.key-locked"
    hint = "Try again. Nobody can open it without: when the passphrase is lost, have the key revoked and make another."


class BadKey(BundleError):
    """A key file is none, or cannot be made there."""

    code = "bundle.key"


class KeyOnGateway(BundleError):
    """A key that signs releases may not be on a gateway: whoever takes the gateway would have it."""

    code = "bundle.key-on-gateway"
    hint = "Keep it on another machine, best on a stick that lies in a drawer."


class RepositoryError(BundleError):
    """A release repository does not hold together, or does not take this."""

    code = "bundle.repository"
