"""What was just done, told on the next page, with a way back where there is one.

Carried from the form's answer (a redirect) to the page in a short-lived cookie. It holds the id of a sentence from
`SENTENCES` and plain words to fill in, so nobody can put other words on the page with it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from sluis.panel.i18n import N_

COOKIE = "sluis-toast"
LIFE_S = 30

SENTENCES = {
    "node-offered": N_("%(name)s is offered to the node. Its page shows how far it is."),
    "node-undone": N_("The node goes back to the version before."),
    "rollout-begun": N_("%(name)s goes out, in waves."),
    "driver-released": N_("%(name)s is tried again within a second."),
    "adopted": N_("%(name)s is now in use."),
    "adopted-many": N_("%(count)s devices are now in use."),
    "ignored": N_("%(name)s is ignored from now on."),
    "rediscovered": N_("%(name)s is back among the discovered devices."),
    "renamed": N_("%(name)s was changed."),
    "retired": N_("%(name)s is out of use; its history stays."),
    "taken": N_("You took it up. It stays here until it is over."),
    "noted": N_("Your note was saved."),
    "saved": N_("%(name)s was saved."),
    "removed": N_("%(name)s was removed."),
    "password": N_("The password was changed. Other sessions have ended."),
    "signed-out": N_("You are signed out."),
    "undone": N_("Undone."),
    "sent": N_("Sent; waiting for confirmation."),
    "done": N_("Confirmed by the device."),
    "refused": N_("Not done: %(why)s"),
    "backup-made": N_("Backup %(name)s was made."),
    "backup-proven": N_("Backup %(name)s was restored into a scratch place and checked."),
    "recording": N_("What arrives is written to %(file)s."),
    "recorded": N_("Recording has stopped: %(file)s"),
    "session-ended": N_("That session has ended."),
    "area-opened": N_("The cards of %(name)s can now be read without an account, by whoever scans a label."),
    "area-closed": N_("The cards of %(name)s can be read with an account only."),
    "no-undo": N_("%(name)s had no other configuration before this one."),
    "update-begun": N_("The release is being laid ready. The gateway then starts again by itself."),
    "update-undone": N_("The gateway starts again with the release before."),
    "walk-signed": N_("The walk through %(name)s is signed."),
}


@dataclass(frozen=True, slots=True)
class Toast:
    """One sentence, and the form that undoes what it says."""

    what: str
    fill: Mapping[str, str] = field(default_factory=dict)
    undo: str = ""
    """Address that a POST undoes it at; "" when there is no way back."""
    fields: Mapping[str, str] = field(default_factory=dict)


def then(to: str, toast: Toast | None = None) -> Response:
    """On to another page after a form was dealt with."""
    response = RedirectResponse(to, 303)
    if toast is not None:
        text = json.dumps([toast.what, dict(toast.fill), toast.undo, dict(toast.fields)])
        packed = base64.urlsafe_b64encode(text.encode()).decode()
        response.set_cookie(COOKIE, packed, max_age=LIFE_S, path="/", secure=True, httponly=True, samesite="strict")
    return response


def toast_of(request: Request) -> Toast | None:
    """The toast that came with this request; None when there is none or it is not one of ours."""
    packed = request.cookies.get(COOKIE)
    if not packed:
        return None
    try:
        what, fill, undo, fields = json.loads(base64.urlsafe_b64decode(packed))
        made = Toast(str(what), {str(k): str(v) for k, v in fill.items()}, str(undo), dict(fields))
    except (ValueError, TypeError, AttributeError, binascii.Error):
        return None
    ours = made.what in SENTENCES and (not made.undo or made.undo.startswith("/undo/"))
    return made if ours else None
