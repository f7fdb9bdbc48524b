"""Errors of the API and of signing in; `status` is the HTTP status they become."""

from __future__ import annotations

from typing import ClassVar

from sluis.model import Retry, SluisError


class PanelError(SluisError):
    """A request cannot be answered."""

    code = "api"
    status: ClassVar[int] = 400


class NotSignedIn(PanelError):
    """You are not signed in, or your session or token has ended."""

    code = "auth.required"
    hint = "Sign in, or send an API token: Authorization: Bearer slu_..."
    status = 401


class BadCredentials(PanelError):
    """The name or the password is wrong."""

    code = "auth.credentials"
    hint = "Check the name and the password. An admin can set a new password under Users."
    status = 401


class NotPermitted(PanelError):
    """Your role does not allow this."""

    code = "auth.forbidden"
    hint = "Ask an admin for a role, or a token with a scope, that allows it."
    status = 403


class ForgeryRefused(PanelError):
    """The request does not prove that it comes from the panel's own pages."""

    code = "auth.csrf"
    hint = "Reload the page and try again. Programs use an API token, which needs no CSRF token."
    status = 403


class Throttled(PanelError):
    """Too many failed tries; wait before the next one."""

    code = "auth.throttled"
    hint = "Wait until the time is over; every further try makes it longer."
    retry = Retry.LATER
    status = 429

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"too many failed tries: wait {max(1, round(wait_s))} s")
        self.wait_s = wait_s


class SetupClosed(PanelError):
    """The gateway has been set up, or the set-up code is wrong."""

    code = "auth.setup"
    hint = "The code is printed when the gateway starts and works once. Is there an admin already? Sign in instead."
    status = 403


class WeakPassword(PanelError):
    """The password is too easy to guess."""

    code = "auth.weak-password"
    hint = "Use at least the required number of characters; four random words are good."
    status = 422


class Invalid(PanelError):
    """The request does not say what it must."""

    code = "api.invalid"
    hint = "See the fields named in `errors`, and the API's description at /api/v1/openapi.json."
    status = 422


class ChangedMeanwhile(PanelError):
    """Somebody else changed it after you read it."""

    code = "api.changed"
    hint = "Read it again, and repeat your change on what it is now."
    retry = Retry.NOW
    status = 412


class TooLarge(PanelError):
    """The request body is larger than the gateway accepts."""

    code = "api.too-large"
    status = 413


class TooSlow(PanelError):
    """The request's body stopped coming."""

    code = "api.too-slow"
    hint = "Send the whole body at once; `panel.request_s` is how long the gateway waits for the next piece."
    retry = Retry.NOW
    status = 408


class NotAvailable(PanelError):
    """The part of the gateway that answers this is not there."""

    code = "api.not-available"
    retry = Retry.LATER
    status = 503


class NoBench(PanelError):
    """No boards can be plugged in here."""

    code = "bench.none"
    hint = "Write boards with `sluis flash` on the computer that they are plugged into."
    status = 404


class BrokerElsewhere(PanelError):
    """The broker is not the gateway's own."""

    code = "broker.elsewhere"
    hint = "Make the account where the broker is run."
    status = 409
