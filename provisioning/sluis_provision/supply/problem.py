"""What goes wrong where releases come in."""

from __future__ import annotations

from sluis.model import BundleError, Retry


class NothingTrusted(BundleError):
    """This gateway trusts nobody's releases yet."""

    code = "bundle.no-trust"
    hint = "Tell it whom to trust: sluis bundle trust ROOT"


class Unreachable(BundleError):
    """The repository cannot be read."""

    code = "bundle.unreachable"
    hint = "Is the stick in, or the network up? Then try again."
    retry = Retry.LATER


class StaleRepository(BundleError):
    """The repository is older than what this gateway has seen: an old copy, or somebody holds updates back."""

    code = "bundle.stale-repository"
    hint = "Make a new copy of it. If it came over the network, find out who put the old one there."


class Older(BundleError):
    """It is older than a bundle for the same boards that is, or was, on this gateway."""

    code = "bundle.older"
    hint = "If you mean it: sluis bundle import --allow-older --reason ... It is audited. Nodes keep their own floor."


class Different(BundleError):
    """Another release under the same number is here."""

    code = "bundle.different"
    hint = "Somebody released two things under one sequence. Ask who; do not install either."


class NoSuchBundle(BundleError, LookupError):
    """There is no such bundle on this gateway."""

    code = "bundle.unknown"
    hint = "List them: sluis bundle list"


class NoRoom(BundleError):
    """There is too little room for it on this gateway."""

    code = "bundle.no-room"
    hint = "Remove bundles that are not needed any more: sluis bundle remove NAME"
