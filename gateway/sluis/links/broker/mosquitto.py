"""Runs mosquitto as a child and keeps it running.

The child gets SIGTERM from the kernel when this process dies (PR_SET_PDEATHSIG), so nothing is left running and
mosquitto saves its sessions. That signal is bound to the *thread* that started the child, so `start` must be called
on the main thread, which lives as long as the process.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import socket
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

from sluis.links.broker.binary import find_mosquitto
from sluis.links.broker.config import configuration
from sluis.links.broker.credentials import Credentials
from sluis.links.files import write_whole
from sluis.links.settings import BrokerSettings
from sluis.model import LinkError
from sluis.runtime import Backoff, Clock

log = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1
READY_WITHIN_S = 15.0
STOP_WITHIN_S = 8.0
LIBC = ctypes.CDLL(None)

GATEWAY = "sluis-gateway"
"""Our own account's name."""


class Mosquitto:
    """Our own broker. `start`, then `run` keeps it alive; ports are known after `start`."""

    def __init__(
        self,
        settings: BrokerSettings,
        data_dir: Path,
        clock: Clock,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        self.settings = settings
        self.folder = data_dir / "broker"
        self.credentials = Credentials(self.folder)
        self.local_port = settings.local_port or _free_port()
        self.tls_port = settings.tls_port or _free_port()
        self.restarts = 0
        self._clock = clock
        self._certificate, self._key = certificate, key
        self._data_dir = data_dir
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    @property
    def password_file(self) -> Path:
        """Holds the gateway's own password."""
        return self.folder / "gateway-password"

    @property
    def up(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def prepare(self) -> None:
        """Write configuration and accounts."""
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        if self.settings.allow_anonymous:
            log.warning("ANYBODY may connect to the broker (broker.allow_anonymous): for development only")
        if not self.password_file.exists() or not any(a.username == GATEWAY for a in self.credentials.accounts()):
            write_whole(self.password_file, self.credentials.issue(GATEWAY, "gateway", ("#", "<$SYS/#")))
        self.credentials.save()
        text = configuration(self.folder, self.settings, self.local_port, self.tls_port, self._certificate, self._key)
        write_whole(self.folder / "mosquitto.conf", text)

    async def start(self) -> None:
        """Start it and wait until it answers. LinkError when it does not."""
        assert threading.current_thread() is threading.main_thread()
        await asyncio.to_thread(self._end_leftover)
        binary = await asyncio.to_thread(find_mosquitto, self._data_dir)
        self._process = await asyncio.create_subprocess_exec(
            str(binary.path),
            "-c",
            str(self.folder / "mosquitto.conf"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=binary.environment(),
            preexec_fn=_die_with_parent,
        )
        await self._until_ready()
        log.info("mosquitto listens on 127.0.0.1:%d and, with TLS, on port %d", self.local_port, self.tls_port)

    async def run(self) -> None:
        """Restart it when it ends, until cancelled; then stop it."""
        backoff = Backoff(first_s=0.1, cap_s=10.0)
        try:
            while True:
                assert self._process is not None
                began = self._clock.stamp().mono_us
                await self._log_until_end(self._process)
                log.warning("mosquitto ended (%s); starting it again", self._process.returncode)
                self.restarts += 1
                if self._clock.stamp().mono_us - began > 30e6:
                    backoff.reset()
                await self._clock.sleep(backoff.next_s())
                with suppress(LinkError):
                    await self.start()
        finally:
            await self._end()

    def reload(self) -> None:
        """Take accounts and rights that changed into use (SIGHUP)."""
        if self.up and self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    async def _log_until_end(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            log.info("%s", line.decode(errors="replace").strip().split(": ", 1)[-1])
        await process.wait()

    async def _until_ready(self) -> None:
        deadline = self._clock.stamp().mono_us + READY_WITHIN_S * 1e6
        while self._clock.stamp().mono_us < deadline:
            assert self._process is not None
            if self._process.returncode is not None:
                said = await self._process.stderr.read() if self._process.stderr else b""
                raise LinkError(f"mosquitto does not start: {said.decode(errors='replace').strip()}")
            if _answers(self.local_port):
                return
            await self._clock.sleep(0.01)
        raise LinkError(f"mosquitto does not answer on port {self.local_port}")

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_WITHIN_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    def _end_leftover(self) -> None:
        """A mosquitto of ours that outlived a killed gateway for a moment: wait for its orderly end."""
        try:
            pid = int((self.folder / "mosquitto.pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return
        if str(self.folder / "mosquitto.conf").encode() not in command:
            return
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        for _ in range(int(STOP_WITHIN_S / 0.01)):
            if not Path(f"/proc/{pid}").exists():
                return
            threading.Event().wait(0.01)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _die_with_parent() -> None:
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
