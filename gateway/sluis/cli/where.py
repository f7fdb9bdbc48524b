"""Which gateway a command is about: this machine's, or another one by address and token."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sluis.model import SluisError

if TYPE_CHECKING:
    from sluis.cli.client import Client

PLACES = (Path("var/demo"), Path("/var/lib/sluis"))
"""Where a gateway's data folder usually is; the first that has a running gateway counts."""


class Unreachable(SluisError):
    """The gateway cannot be reached."""

    code = "cli.unreachable"
    hint = "Start it with `sluis demo` or `systemctl start sluis`; `sluis doctor` finds out what is wrong."
    exit_code = 3


@dataclass
class Where:
    """Address and key of the gateway, found when first needed."""

    data_dir: Path | None = None
    url: str | None = None
    token: str | None = None
    ca: Path | None = None

    @property
    def folder(self) -> Path:
        """The data folder: the one named, else the first usual place where a gateway has run, else the demo's."""
        if self.data_dir is not None:
            return self.data_dir
        return next((place for place in PLACES if (place / "run" / "gateway.json").exists()), PLACES[0])

    def client(self) -> Client:
        """A client of the gateway. Unreachable when none is running there."""
        from sluis.cli.client import Client

        if self.url is not None:
            return Client(self.url, self.token or "", self.ca)
        return self._local()

    def _local(self) -> Client:
        from sluis.cli.client import Client

        folder = self.folder / "run"
        try:
            address = json.loads((folder / "gateway.json").read_text())
            token = self.token or (folder / "cli-token").read_text().strip()
        except FileNotFoundError as error:
            raise Unreachable(f"no gateway is running with data folder {self.folder}") from error
        except PermissionError as error:
            hint = "Use sudo, or an API token: sluis --url https://HOST:8443 --token ..."
            raise Unreachable(f"you may not read {folder}", hint=hint) from error
        except ValueError as error:
            raise Unreachable(f"{folder / 'gateway.json'} is damaged") from error
        ca = address.get("ca")
        return Client(address["url"], token, Path(ca) if ca else None)
