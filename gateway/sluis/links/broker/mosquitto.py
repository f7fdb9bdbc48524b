"""Runs mosquitto as a child and keeps it running.

The child gets SIGTERM from the kernel when this process dies (PR_SET_PDEATHSIG, set by setpriv), so nothing is left
running and mosquitto saves its sessions. That signal is bound to the *thread* that started the child, so `start` must
be called on the main thread, which lives as long as the process. The child has a session of its own: Ctrl-C in a
terminal ends the gateway, which ends its broker last.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sluis.links.broker.binary import Binary, find_mosquitto
from sluis.links.broker.config import Identity, Ports, configuration
from sluis.links.broker.credentials import Credentials
from sluis.links.broker.probe import SILENT, knock
from sluis.links.broker.refusals import Refusals
from sluis.links.files import write_whole
from sluis.links.health import BrokerHealth
from sluis.links.settings import BrokerSettings
from sluis.model import LinkError
from sluis.runtime import Backoff, Clock, Step

log = logging.getLogger(__name__)

READY_WITHIN_S = 15.0
"""From start to the first answer. A large store of sessions on a slow card takes seconds to read; shorter and it would
be killed half way, for ever."""

STOP_WITHIN_S = 8.0
"""From SIGTERM to the end; saving takes as long as reading. Below the gateway's own limit for stopping (10 s)."""

STEADY_S = 30.0
"""A broker that ran this long was healthy: the next end starts the back-off anew."""

ASK_EVERY_S = 5.0
"""How often a running broker is asked whether it answers. Each time is one connection on loopback."""

HUNG_AFTER_S = 60.0
"""A broker that lives and says nothing for so long hangs, and is killed. While it saves 200 MB of queues to a slow card
it is silent for some 20 s, and killing it then would lose what it saves; longer, and the house stays deaf."""

SAVE_APART_S = 0.2
"""Least time between two saves that were asked for. Each writes everything the broker holds, some hundred kilobytes:
closer together and two thousand devices that come into use at once wear the card; further apart and a broker that is
killed in between has forgotten the newest subscriptions."""

GATEWAY = "sluis-gateway"
"""Our own account's name."""

PROBE = "sluis-probe"
"""Account for asking whether the broker answers; it may touch nothing."""


class PortTaken(LinkError):
    """Another program listens where our broker is to listen."""

    code = "broker.port-taken"
    hint = "Stop it (perhaps Debian's own service: systemctl disable --now mosquitto) or set another port in [broker]."


class Mosquitto:
    """Our own broker. `start`, then `run` keeps it alive; ports are known from the beginning."""

    def __init__(
        self,
        settings: BrokerSettings,
        data_dir: Path,
        clock: Clock,
        certificate: Path | None = None,
        key: Path | None = None,
        *,
        ca: Path | None = None,
        revoked: Path | None = None,
    ) -> None:
        self.settings = settings
        self.folder = data_dir / "broker"
        self.credentials = Credentials(self.folder, on_change=self.reload)
        encrypted = certificate is not None
        self.ports = Ports(
            local=settings.local_port or free_port(),
            tls=_chosen(settings.tls_port) if encrypted else -1,
            plain=_chosen(settings.plain_port),
            certificate=_chosen(settings.certificate_port) if encrypted and ca is not None else -1,
        )
        self.refusals = Refusals(clock.stamp, self.ports.local)
        """Who did not get in, and why."""
        self.hung_after_s = HUNG_AFTER_S
        self.restarts = 0
        self.last_words: deque[str] = deque(maxlen=20)
        """Its newest log lines, for the system page."""
        self._identity = Identity(certificate, key, ca, revoked) if certificate and key else None
        self._clock = clock
        self._data_dir = data_dir
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._reason = "not started yet"
        self._since_us = clock.stamp().at_us
        self._version = ""
        self._probe_password = ""
        self._step_listeners: list[Callable[[Step], None]] = []
        self._saved_us: int | None = None
        self._to_save = asyncio.Event()

    @property
    def local_port(self) -> int:
        return self.ports.local

    @property
    def tls_port(self) -> int:
        return self.ports.tls

    @property
    def plain_port(self) -> int:
        return self.ports.plain

    @property
    def password_file(self) -> Path:
        """Holds the gateway's own password."""
        return self.folder / "gateway-password"

    @property
    def up(self) -> bool:
        return self._process is not None and self._process.returncode is None and not self._reason

    def health(self) -> BrokerHealth:
        pid = self._process.pid if self._process is not None and self._process.returncode is None else 0
        ports = self.ports.open
        return BrokerHealth(
            "mosquitto", self.up, self._since_us, self._reason, pid, self.restarts, self._version, ports
        )

    def prepare(self) -> None:
        """Write configuration and accounts."""
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        if self.settings.allow_anonymous:
            log.warning("ANYBODY on this machine may do ANYTHING at the broker: broker.allow_anonymous is set.")
        held = {account.username for account in self.credentials.accounts()}
        if not self.password_file.exists() or GATEWAY not in held:
            write_whole(self.password_file, self.credentials.issue(GATEWAY, "gateway", ("#", "<$SYS/#")))
        self._probe_password = self.credentials.issue(PROBE, "gateway", ())
        text = configuration(self.folder, self.settings, self.ports, self._identity)
        write_whole(self.folder / "mosquitto.conf", text)

    async def start(self) -> None:
        """Start it and wait until it answers. LinkError when it does not."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("the broker must be started by the main thread: it ends with the thread that started it")
        await asyncio.to_thread(self._end_leftover)
        for port in self.ports.open:
            _check_free(port)
        binary = await asyncio.to_thread(find_mosquitto, self._data_dir)
        self._version = self._version or await asyncio.to_thread(binary.version)
        self._process = await asyncio.create_subprocess_exec(
            *_command(binary, self.folder / "mosquitto.conf"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=binary.environment(),
            start_new_session=True,
        )
        self._reader = asyncio.ensure_future(self._pass_on_log(self._process))
        try:
            await self._until_ready()
        except BaseException:
            await self._end()
            raise
        self._reason, self._since_us = "", self._clock.stamp().at_us
        log.info("mosquitto %s answers on ports %s", self._version, ", ".join(map(str, self.ports.open)))

    async def run(self) -> None:
        """Restart it when it ends, until cancelled; then stop it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_saved())
            await self._keep_alive()

    async def _keep_alive(self) -> None:
        backoff = Backoff(first_s=0.1, cap_s=10.0)
        try:
            while True:
                began = self._clock.stamp().mono_us
                await self._until_end()
                if self._clock.stamp().mono_us - began > STEADY_S * 1e6:
                    backoff.reset()
                await self._clock.sleep(backoff.next_s())
                self.restarts += 1
                await self._start_again()
        finally:
            await self._end()

    async def _start_again(self) -> None:
        """One step on the only ladder a broker has."""
        ended, began, healed = self._reason, self._clock.stamp(), True
        try:
            await self.start()
        except LinkError as error:
            self._reason, healed = str(error), False
            log.warning("%s", error)
        for_s = (self._clock.stamp().mono_us - began.mono_us) / 1e6
        step = Step("mosquitto", "restart", began.at_us, for_s, healed, self._reason or ended)
        for told in self._step_listeners:
            told(step)

    def on_step(self, listener: Callable[[Step], None]) -> None:
        """Call `listener(step)` after every try to start it again."""
        self._step_listeners.append(listener)

    def reload(self) -> None:
        """Take accounts, rights and a renewed server certificate into use (SIGHUP)."""
        self._signal(signal.SIGHUP)

    def restart(self) -> None:
        """End it in good order; `run` starts it again. For what it reads at its start only: the revocation list."""
        self._signal(signal.SIGTERM)

    def save(self) -> None:
        """Write sessions and retained messages to disk (SIGUSR1): now, or `SAVE_APART_S` after the last time.

        For whoever has just subscribed: a broker that is killed knows only the subscriptions it has saved, and what it
        takes from devices after its restart for a subscriber that it has forgotten is lost.
        """
        now_us = self._clock.stamp().mono_us
        if self._saved_us is None or now_us - self._saved_us >= SAVE_APART_S * 1e6:
            self._saved_us = now_us
            self._signal(signal.SIGUSR1)
        else:
            self._to_save.set()

    async def _keep_saved(self) -> None:
        """Saves that were asked for too soon after another."""
        while True:
            await self._to_save.wait()
            await self._clock.sleep(SAVE_APART_S)
            self._to_save.clear()
            self._saved_us = self._clock.stamp().mono_us
            self._signal(signal.SIGUSR1)

    async def _until_end(self) -> None:
        process = self._process
        if process is None:
            return
        await self._until_end_or_hung(process)
        if self.up or not self._reason:
            self._since_us = self._clock.stamp().at_us
            self._reason = f"ended with {_end_of(process.returncode)}"
            log.warning("mosquitto %s; starting it again", self._reason)

    async def _until_end_or_hung(self, process: asyncio.subprocess.Process) -> None:
        """A broker that is stopped or stuck never ends by itself, and SIGTERM would wait with it."""
        heard = self._clock.stamp().mono_us
        ended = asyncio.ensure_future(process.wait())
        try:
            while not (await asyncio.wait([ended], timeout=min(ASK_EVERY_S, self.hung_after_s / 4)))[0]:
                if await knock(self.local_port, PROBE, self._probe_password) != SILENT:
                    heard = self._clock.stamp().mono_us
                elif self._clock.stamp().mono_us - heard > self.hung_after_s * 1e6:
                    log.warning("mosquitto says nothing for %.0f s; killing it", self.hung_after_s)
                    self._signal(signal.SIGKILL)
        finally:
            ended.cancel()

    async def _pass_on_log(self, process: asyncio.subprocess.Process) -> None:
        """mosquitto's log is ours. What is no error is for those who look for it."""
        assert process.stderr is not None
        async for raw in process.stderr:
            line = raw.decode(errors="replace").strip()
            self.last_words.append(line)
            self.refusals.heard(line)
            log.log(logging.WARNING if line.startswith("Error") else logging.DEBUG, "mosquitto: %s", line)

    async def _until_ready(self) -> None:
        process, began = self._process, self._clock.stamp().mono_us
        assert process is not None
        reason = ""
        while self._clock.stamp().mono_us - began < READY_WITHIN_S * 1e6:
            if process.returncode is not None:
                if self._reader is not None:
                    await self._reader
                raise LinkError(f"mosquitto does not start: {' / '.join(self.last_words) or 'no reason given'}")
            reason = await knock(self.local_port, PROBE, self._probe_password)
            if not reason:
                return
            await self._clock.sleep(0.01)
        raise LinkError(f"mosquitto does not answer on port {self.local_port}: {reason}")

    async def _end(self) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_WITHIN_S)
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._reader is not None:
            await self._reader
        self._reason = self._reason or "stopped"

    def _signal(self, number: signal.Signals) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(number)

    def _end_leftover(self) -> None:
        """A mosquitto of ours that outlived a killed gateway for a moment: wait for its orderly end.

        Known by the configuration file on its command line, not by its number alone, which another may have by now.
        """
        try:
            pid = int((self.folder / "mosquitto.pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return
        if str(self.folder / "mosquitto.conf").encode() not in command:
            return
        log.info("a mosquitto of ours is still there (process %d); ending it", pid)
        for number, waits_s in ((signal.SIGTERM, STOP_WITHIN_S), (signal.SIGKILL, 2.0)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            for _ in range(int(waits_s / 0.01)):
                if not _runs(pid):
                    return
                threading.Event().wait(0.01)


def _command(binary: Binary, configuration_file: Path) -> list[str]:
    """With setpriv (util-linux, on every Debian) in front, so that the kernel ends the broker with us. It needs no
    Python between fork and exec, where the locks of other threads would be held for ever."""
    setpriv = shutil.which("setpriv", path="/usr/bin:/bin:/usr/sbin:/sbin")
    in_front = [setpriv, "--pdeathsig", "TERM"] if setpriv else []
    return [*in_front, str(binary.path), "-c", str(configuration_file)]


def _runs(pid: int) -> bool:
    """Whether a process is there and is no zombie (in a container nobody may reap it)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _end_of(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"code {code}"


def _check_free(port: int) -> None:
    """Another broker on our port would answer our knocking as if it were ours."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortTaken(f"port {port} is taken by another program ({error.strerror})") from None


def _chosen(port: int) -> int:
    return free_port() if port == 0 else port


def free_port() -> int:
    """A loopback port nobody listens on at this moment."""
    """Below the range from which the kernel takes ports for outgoing connections: knocking at such a port before
    the broker listens there can connect to itself, and the broker then finds its port taken."""
    for _ in range(1_000):
        port = random.randrange(20_000, 32_768)  # noqa: S311  (chance, not a secret)
        with suppress(PortTaken):
            _check_free(port)
            return port
    raise PortTaken("no free port between 20000 and 32768")
