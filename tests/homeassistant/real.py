"""A real, headless Home Assistant, from a virtual environment of its own.

It is no part of our environment (it pins hundreds of packages). `SLUIS_HASS` names its `hass` program:

    uv venv --python 3.11 ~/hass
    uv pip install -p ~/hass homeassistant==2024.3.3 paho-mqtt==1.6.1 SQLAlchemy==2.0.27 \\
        home-assistant-frontend==20240307.0 janus Pillow securetar 'josepy<2' \\
        psutil-home-assistant psutil 'numpy<2' fnv-hash-fast PyTurboJPEG==1.7.1
    SLUIS_HASS=~/hass/bin/hass pytest tests/homeassistant -m soak
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import httpx

USER, PASSWORD = "sluis", "a-password-for-this-test-only"


class RealHomeAssistant:
    """One instance in a folder, with MQTT configured to our broker."""

    def __init__(self, hass: Path, folder: Path, port: int, broker_port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._hass = hass
        self._folder = folder
        self._port = port
        self._broker_port = broker_port
        self._process: subprocess.Popen[bytes] | None = None
        self._token = ""

    @property
    def log(self) -> str:
        file = self._folder / "home-assistant.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def prepare(self) -> None:
        """Configuration, a user, and the MQTT entry that a person would click together."""
        (self._folder / ".storage").mkdir(parents=True)
        (self._folder / "configuration.yaml").write_text(
            f"http:\n  server_host: 127.0.0.1\n  server_port: {self._port}\napi:\nauth:\n"
            "config:\nlogger:\n  default: warning\n"
        )
        entry: dict[str, Any] = {
            "entry_id": "0123456789abcdef0123456789abcdef",
            "version": 1,
            "minor_version": 1,
            "domain": "mqtt",
            "title": "broker",
            "data": {"broker": "127.0.0.1", "port": self._broker_port, "discovery": True},
            "options": {},
            "pref_disable_new_entities": False,
            "pref_disable_polling": False,
            "source": "user",
            "unique_id": None,
            "disabled_by": None,
        }
        stored = {"version": 1, "minor_version": 1, "key": "core.config_entries", "data": {"entries": [entry]}}
        (self._folder / ".storage" / "core.config_entries").write_text(json.dumps(stored))
        add_user = [str(self._hass), "--script", "auth", "-c", str(self._folder), "add", USER, PASSWORD]
        subprocess.run(add_user, check=True, capture_output=True, timeout=120)

    def start(self) -> None:
        self._process = subprocess.Popen(
            [str(self._hass), "-c", str(self._folder), "--skip-pip"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)

    async def sign_in(self, within_s: float = 120) -> None:
        """Wait until it runs, and get a token as its own front end does."""
        client_id = f"{self.url}/"
        async with asyncio.timeout(within_s), httpx.AsyncClient(base_url=self.url) as client:
            while not self._token:
                try:
                    self._token = await self._login(client, client_id)
                except (httpx.HTTPError, KeyError, ValueError):
                    await asyncio.sleep(0.5)
            while (await self.get("/api/config"))["state"] != "RUNNING":
                await asyncio.sleep(0.5)

    async def _login(self, client: httpx.AsyncClient, client_id: str) -> str:
        handler = ["homeassistant", None]
        flow = {"client_id": client_id, "handler": handler, "redirect_uri": client_id}
        flow_id = (await client.post("/auth/login_flow", json=flow)).json()["flow_id"]
        answer = {"client_id": client_id, "username": USER, "password": PASSWORD}
        code = (await client.post(f"/auth/login_flow/{flow_id}", json=answer)).json()["result"]
        grant = {"grant_type": "authorization_code", "code": code, "client_id": client_id}
        return str((await client.post("/auth/token", data=grant)).json()["access_token"])

    async def get(self, path: str) -> Any:
        async with httpx.AsyncClient(base_url=self.url, headers={"Authorization": f"Bearer {self._token}"}) as client:
            answer = await client.get(path)
            return answer.json() if answer.status_code == 200 else None

    async def state(self, entity_id: str) -> dict[str, Any]:
        """An entity's state and attributes; an empty one when there is no such entity."""
        found: dict[str, Any] = await self.get(f"/api/states/{entity_id}") or {"state": "", "attributes": {}}
        return found

    async def call(self, service: str, entity_id: str, **more: Any) -> None:
        async with httpx.AsyncClient(base_url=self.url, headers={"Authorization": f"Bearer {self._token}"}) as client:
            body = {"entity_id": entity_id, **more}
            (await client.post(f"/api/services/{service}", json=body)).raise_for_status()
