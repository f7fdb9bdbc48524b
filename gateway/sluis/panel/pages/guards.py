"""Who may see which page. The same rights as the API's; a page shows only what its reader may do."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from sluis.model import Actor, Role
from sluis.panel.auth import require, visitor_or_none
from sluis.panel.visitor import Visitor

Viewer = Annotated[Actor, Depends(require(Role.VIEWER, "devices:read"))]
Operator = Annotated[Actor, Depends(require(Role.OPERATOR, "commands:write"))]
Handler = Annotated[Actor, Depends(require(Role.OPERATOR, "alerts:write"))]
Technician = Annotated[Actor, Depends(require(Role.TECHNICIAN, "devices:write"))]
NodeKeeper = Annotated[Actor, Depends(require(Role.TECHNICIAN, "nodes:write"))]
RuleReader = Annotated[Actor, Depends(require(Role.TECHNICIAN, "rules:read"))]
RuleWriter = Annotated[Actor, Depends(require(Role.TECHNICIAN, "rules:write"))]
SystemReader = Annotated[Actor, Depends(require(Role.TECHNICIAN, "system:read"))]
Admin = Annotated[Actor, Depends(require(Role.ADMIN, "users:write"))]
Auditor = Annotated[Actor, Depends(require(Role.ADMIN, "audit:read"))]
Updater = Annotated[Actor, Depends(require(Role.ADMIN, "bundles:write"))]
Keeper = Annotated[Actor, Depends(require(Role.ADMIN, "backups:write"))]
Anyone = Annotated[Visitor | None, Depends(visitor_or_none)]
