"""A gateway as `make install` lays it down, but in a folder and without systemd; and somebody who releases."""

from __future__ import annotations

import io
import json
import os
import re
import ssl
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from hatchling.builders.wheel import WheelBuilder

from sluis.cli import main
from sluis_provision.release import keys
from tests.conftest import a_free_port

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = ROOT / "packaging" / "launch.py"
WORDS = "four random words here"
PEOPLE = ("root", "anna", "fresh")
WITHIN_S = 90.0


@cache
def own_wheel() -> bytes:
    """The wheel of this checkout, as it is released."""
    with tempfile.TemporaryDirectory() as folder:
        [made] = WheelBuilder(str(ROOT)).build(directory=folder, versions=["standard"])
        return Path(made).read_bytes()


def changed_wheel(version: str, changes: dict[str, Callable[[str], str]]) -> bytes:
    """Our wheel under another version, with some of its files changed: what a later release is."""
    old = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.M)
    assert old is not None
    whole = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(own_wheel())) as one, zipfile.ZipFile(whole, "w") as into:
        for info in one.infolist():
            data = one.read(info)
            if info.filename.endswith(".dist-info/METADATA"):
                data = data.replace(f"Version: {old[1]}".encode(), f"Version: {version}".encode(), 1)
            name = info.filename.replace(f"sluis-{old[1]}.", f"sluis-{version}.", 1)
            if name in changes:
                data = changes.pop(name)(data.decode()).encode()
            into.writestr(name, data)
        for name, make in changes.items():
            into.writestr(name, make(""))
    return whole.getvalue()


def libraries() -> bytes:
    """A wheel that stands for all libraries: it points to those of this machine. Unpacking 100 would take a minute."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as into:
        into.writestr("libraries.pth", sysconfig.get_path("purelib") + "\n")
    return whole.getvalue()


class Publisher:
    """The release machine, with a repository on a stick."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for name in PEOPLE:
            keys.new(folder / f"{name}.key", name, WORDS, cost=2**10)
        (folder / "changes.toml").write_text('en = "Better."\nnl = "Beter."\n')
        roles = ("--root", "--release", "--fresh")
        named = [word for role, name in zip(roles, PEOPLE, strict=True) for word in (role, f"{folder}/{name}.pub")]
        # Two hold the root; one of them releases as well.
        self.sluis("repo", "new", self.stick, *named, "--root", f"{folder}/anna.pub", "--threshold", "1")
        for name in ("root", "anna"):
            self.sluis("repo", "sign", self.stick, "--key", f"{folder}/{name}.key")

    @property
    def stick(self) -> str:
        return str(self.folder / "stick")

    def sluis(self, *words: str) -> Any:
        environment = {"SLUIS_KEY_PASSPHRASE": WORDS}
        done = CliRunner(env=environment).invoke(main, ["--data-dir", "no-gateway", "bundle", *words, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def build(self, version: str, sequence: int, changes: dict[str, Callable[[str], str]] | None = None) -> str:
        """A signed bundle."""
        wheels = self.folder / f"wheels-{sequence}"
        wheels.mkdir()
        (wheels / f"sluis-{version}-py3-none-any.whl").write_bytes(changed_wheel(version, changes or {}))
        (wheels / "libraries-1-py3-none-any.whl").write_bytes(libraries())
        made = self.sluis(
            "build", str(self.folder), "--gateway", str(wheels), "--version", version, "--sequence", str(sequence),
            "--expires", "2040-01-01", "--changes", str(self.folder / "changes.toml"),
        )  # fmt: skip
        self.sluis("sign", made["file"], "--key", f"{self.folder}/anna.key")
        return str(made["file"])

    def release(self, version: str, sequence: int, changes: dict[str, Callable[[str], str]] | None = None) -> str:
        """On the stick; the bundle's name."""
        file = self.build(version, sequence, changes)
        self.sluis("repo", "add", self.stick, file)
        self.sluis("repo", "sign", self.stick, "--key", f"{self.folder}/anna.key")
        self.sluis("repo", "publish", self.stick, "--key", f"{self.folder}/fresh.key")
        return Path(file).name


class Installed:
    """The gateway, its launcher, and a small service manager: what ends is started again."""

    def __init__(self, folder: Path, publisher: Publisher) -> None:
        self.releases, self.data = folder / "releases", folder / "data"
        self.releases.mkdir(parents=True)
        self.data.mkdir()
        self.config, self.publisher = folder / "sluis.toml", publisher
        ports = [a_free_port() for _ in range(3)]
        self.config.write_text(
            f'data_dir = "{self.data}"\n[panel]\nport = {ports[0]}\ntrust_port = 0\nhostname = "localhost"\n'
            f"[broker]\nlocal_port = {ports[1]}\ntls_port = {ports[2]}\n[mdns]\nannounce = false\n"
            "[backup]\nevery_h = 0\n[update]\ntrial_s = 1\nwithin_s = 6\n"
        )
        self.environment = os.environ | {"SLUIS_RELEASES": str(self.releases)}
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def launch(self, *words: str) -> Any:
        done = subprocess.run(
            [sys.executable, str(LAUNCH), *words], env=self.environment, capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout) if done.stdout else None

    def first(self, file: str) -> None:
        """What `make install` does: a first release, laid down from a checkout."""
        from sluis_provision.bundle import archive
        from sluis_provision.gateway.install import install

        name = install(archive.opened(Path(file)), self.releases, lambda *told: None)
        self.launch("settle", name)

    def start(self) -> None:
        with self.log.open("ab") as log:
            command = [str(LAUNCH), "start", "--config", str(self.config)]
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        self.starts += 1

    def until(self, condition: Callable[[], object], within_s: float = WITHIN_S) -> None:
        """Keep it running until that is so."""
        deadline = time.monotonic() + within_s
        while True:
            assert self.process is not None
            if self.process.poll() is not None:
                self.start()
            try:
                if condition():
                    return
            except (httpx.HTTPError, OSError, ValueError):
                pass
            if time.monotonic() > deadline:
                pytest.fail(f"it did not happen: {self.log.read_text()[-4000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def up(self) -> bool:
        return self.ask("GET", "update")["step"] == "settled"

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """An answer of the API."""
        info = json.loads((self.data / "run" / "gateway.json").read_text())
        token = (self.data / "run" / "cli-token").read_text().strip()
        context = ssl.create_default_context(cafile=info["ca"])
        headers = {"Authorization": f"Bearer {token}"}
        answer = httpx.request(
            method, f"{info['url']}/api/v1/{path}", json=body or None, headers=headers, verify=context, timeout=30
        )
        return answer.json()

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        """As a person calls it: the command of the release that runs."""
        sluis = self.releases.parent / "sluis"
        if not sluis.is_symlink():
            sluis.symlink_to(LAUNCH)
        command = [str(sluis), "--data-dir", str(self.data), *words]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=WITHIN_S)

    def trust(self) -> None:
        """An admin says whose releases are believed."""
        told = self.publisher.sluis("repo", "show", self.publisher.stick)
        done = self.cli("bundle", "trust", self.publisher.stick, "--print", told["print"])
        assert done.returncode == 0, done.stderr

    def update(self, name: str) -> dict[str, Any]:
        """Take a release, and wait until it is over; what came of it."""
        before = self.ask("GET", "update")["last"]
        taken = self.ask("POST", "bundles/import", source=self.publisher.stick, names=[name])
        assert [one["outcome"] for one in taken] == ["imported"], taken
        answer = self.ask("POST", "update/install", bundle=name)
        assert answer.get("step"), answer
        found: dict[str, Any] = {}

        def over() -> bool:
            found.update(self.ask("GET", "update"))
            return found["step"] == "settled" and found["last"] != before

        self.until(over)
        return found
