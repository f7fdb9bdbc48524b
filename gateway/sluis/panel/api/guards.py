"""Who may call what: one line per right, so that the whole matrix can be read here."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from sluis.model import Actor, Role
from sluis.panel.auth import require

CanSee = Annotated[Actor, Depends(require(Role.VIEWER, "devices:read"))]
CanSeeAlerts = Annotated[Actor, Depends(require(Role.VIEWER, "alerts:read"))]
CanSeeCommands = Annotated[Actor, Depends(require(Role.VIEWER, "commands:read"))]
CanCommand = Annotated[Actor, Depends(require(Role.OPERATOR, "commands:write"))]
CanHandleAlerts = Annotated[Actor, Depends(require(Role.OPERATOR, "alerts:write"))]
CanSeeRules = Annotated[Actor, Depends(require(Role.TECHNICIAN, "rules:read"))]
CanChangeRules = Annotated[Actor, Depends(require(Role.TECHNICIAN, "rules:write"))]
CanInspect = Annotated[Actor, Depends(require(Role.TECHNICIAN, "devices:read"))]
CanAdopt = Annotated[Actor, Depends(require(Role.TECHNICIAN, "devices:write"))]
CanSeeSystem = Annotated[Actor, Depends(require(Role.TECHNICIAN, "system:read"))]
CanRecord = Annotated[Actor, Depends(require(Role.TECHNICIAN, "system:write"))]
CanSeeSettings = Annotated[Actor, Depends(require(Role.ADMIN, "system:read"))]
CanSeeBackups = Annotated[Actor, Depends(require(Role.ADMIN, "backups:read"))]
CanMakeBackups = Annotated[Actor, Depends(require(Role.ADMIN, "backups:write"))]
CanSeeAccounts = Annotated[Actor, Depends(require(Role.TECHNICIAN, "broker:read"))]
CanGiveAccounts = Annotated[Actor, Depends(require(Role.TECHNICIAN, "broker:write"))]
CanSeeNodes = Annotated[Actor, Depends(require(Role.TECHNICIAN, "nodes:read"))]
CanManageNodes = Annotated[Actor, Depends(require(Role.TECHNICIAN, "nodes:write"))]
CanSeeBundles = Annotated[Actor, Depends(require(Role.TECHNICIAN, "bundles:read"))]
CanImportBundles = Annotated[Actor, Depends(require(Role.TECHNICIAN, "bundles:write"))]
CanChooseReleases = Annotated[Actor, Depends(require(Role.ADMIN, "bundles:write"))]
CanUpdateGateway = Annotated[Actor, Depends(require(Role.ADMIN, "bundles:write"))]
CanSeeUsers = Annotated[Actor, Depends(require(Role.ADMIN, "users:read"))]
CanChangeUsers = Annotated[Actor, Depends(require(Role.ADMIN, "users:write"))]
CanSeeTokens = Annotated[Actor, Depends(require(Role.ADMIN, "tokens:read"))]
CanChangeTokens = Annotated[Actor, Depends(require(Role.ADMIN, "tokens:write"))]
CanAudit = Annotated[Actor, Depends(require(Role.ADMIN, "audit:read"))]
CanSeeOwn = Annotated[Actor, Depends(require(Role.VIEWER, "own:read"))]
CanChangeOwn = Annotated[Actor, Depends(require(Role.VIEWER, "own:write"))]

NOUNS = tuple(
    f"{noun}:{way}"
    for noun in (
        "devices",
        "commands",
        "alerts",
        "rules",
        "system",
        "broker",
        "nodes",
        "bundles",
        "backups",
        "users",
        "tokens",
        "audit",
        "own",
    )
    for way in ("read", "write")
)
"""Every scope a token may be given, beside `*`."""
