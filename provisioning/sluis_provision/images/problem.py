"""What can be wrong with an image before any board is touched."""

from __future__ import annotations

from sluis.model import ProvisionError, Retry


class CatalogueWrong(ProvisionError):
    """The catalogue of images, or a board's profile, cannot be read."""

    code = "provision.catalogue"
    hint = "Install Sluis again, or correct the file that is named."
    retry = Retry.NEVER


class UnknownProfile(ProvisionError, LookupError):
    """There is no board profile of this name."""

    code = "provision.no-profile"
    retry = Retry.NEVER


class ImageMissing(ProvisionError):
    """The image has not been imported on this machine."""

    code = "provision.image-missing"
    retry = Retry.NEVER


class HashMismatch(ProvisionError):
    """A file is not the image that the catalogue means."""

    code = "provision.image-hash"
    hint = "Get the file again from where the catalogue says; `sluis bundle images` shows the address and the hash."
    retry = Retry.NEVER


class ImageUnapproved(ProvisionError):
    """No hash of this image is known, and nobody has vouched for the file."""

    code = "provision.image-unapproved"
    retry = Retry.NEVER
