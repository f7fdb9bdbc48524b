"""Our own mosquitto: who gets in, what each may touch, and what happens when it dies. All against the real one."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import psutil
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sluis.links.broker import Mosquitto, PortTaken, joined
from sluis.links.broker.binary import find_mosquitto
from sluis.links.broker.mosquitto import GATEWAY
from sluis.links.mqtt import MqttLink
from sluis.links.settings import BrokerSettings, MqttSettings
from sluis.links.site_ca import SiteCa
from sluis.model import ConfigError, LinkError
from sluis.runtime import SystemClock

Eventually = Callable[..., Awaitable[None]]
Start = Callable[[Awaitable[object]], asyncio.Task[object]]

TASMOTA = (">tele/{id}/#", ">stat/{id}/#", "<cmnd/{id}/#", ">tasmota/discovery/#")


class Device:
    """paho in a thread, as a device would be: keeps what it received and whether it was let in."""

    def __init__(self, port: int, username: str = "", password: str = "", **tls: Any) -> None:
        self.received: list[tuple[str, bytes]] = []
        self.answer = threading.Event()
        self.refusal = ""
        self.lost = threading.Event()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=tls.pop("client_id", ""))
        if username:
            self.client.username_pw_set(username, password)
        if tls:
            self.client.tls_set(**tls)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = lambda *_: self.lost.set()
        self.client.on_message = lambda c, u, message: self.received.append((message.topic, message.payload))
        self.client.connect("localhost" if tls else "127.0.0.1", port)
        self.client.loop_start()
        assert self.answer.wait(10)

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, *_: Any) -> None:
        self.refusal = str(reason) if reason.is_failure else ""
        if not self.answer.is_set() and self.refusal:
            self.client.disconnect()
        self.answer.set()

    def publish(self, topic: str, data: bytes) -> None:
        """Waits until the broker has answered, be it that it threw the message away."""
        self.client.publish(topic, data, 1).wait_for_publish(10)

    def subscribe(self, topic: str) -> None:
        told = threading.Event()
        self.client.on_subscribe = lambda *_: told.set()
        self.client.subscribe(topic, 1)
        assert told.wait(10)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextmanager
def device(*arguments: Any, **options: Any) -> Iterator[Device]:
    made = Device(*arguments, **options)
    try:
        yield made
    finally:
        made.close()


def gateway_link(broker: Mosquitto, folder: Path) -> MqttLink:
    settings = MqttSettings(
        port=broker.local_port,
        username=GATEWAY,
        password_file=broker.password_file,
        reconnect_cap_s=0.3,
    )
    return MqttLink(settings, SystemClock(), session_file=folder / "session")


@pytest.fixture
async def link(own_broker: Mosquitto, tasks: Start, eventually: Eventually, tmp_path: Path) -> MqttLink:
    """The gateway, which sees everything."""
    made = gateway_link(own_broker, tmp_path)
    made.set_filters(frozenset({"#"}))
    tasks(made.run())
    await eventually(lambda: made.up)
    await made.send(b"", to="test/fence")
    assert [frame.source async for frame in one_by_one(made, 2)] == ["sluis/gateway/status", "test/fence"]
    return made


async def one_by_one(link: MqttLink, count: int) -> Any:
    got = 0
    async with asyncio.timeout(15):
        while got < count:
            for frame in await link.take():
                link.acknowledge([frame.token] if frame.token is not None else [])
                got += 1
                yield frame


# -- who gets in ------------------------------------------------------------------------------------------


async def test_nobody_gets_in_without_an_account(own_broker: Mosquitto) -> None:
    for port in (own_broker.local_port, own_broker.plain_port):
        with device(port) as anonymous:
            assert "Not authorized" in anonymous.refusal
        with device(port, "tasmota-x", "guess") as unknown:
            assert "Not authorized" in unknown.refusal


async def test_a_wrong_password_is_refused(own_broker: Mosquitto) -> None:
    name, password = own_broker.credentials.issue_device("d1", "tasmota", "plug1", TASMOTA)
    with device(own_broker.plain_port, name, password + "x") as wrong:
        assert "Not authorized" in wrong.refusal
    with device(own_broker.plain_port, name, password) as right:
        assert right.refusal == ""


async def test_accounts_take_effect_at_once_and_end_at_once(own_broker: Mosquitto, eventually: Eventually) -> None:
    name, old = own_broker.credentials.issue_device("d1", "tasmota", "plug1", TASMOTA)
    with device(own_broker.plain_port, name, old) as plug:
        same, new = own_broker.credentials.issue_device("d1", "tasmota", "plug1", TASMOTA)
        assert (same, new != old) == (name, True)
        await eventually(plug.lost.is_set)
    with device(own_broker.plain_port, name, new) as plug:
        assert plug.refusal == ""
        assert own_broker.credentials.revoke(name)
        await eventually(plug.lost.is_set)


async def test_tls_is_checked_against_the_site_ca(own_broker: Mosquitto, ca: SiteCa, tmp_path: Path) -> None:
    name, password = own_broker.credentials.issue_device("n1", "sluis-node", "node1")
    with device(own_broker.tls_port, name, password, ca_certs=str(ca.ca.certificate)) as node:
        assert node.refusal == ""
    other = SiteCa(tmp_path / "other")
    stranger = ssl.create_default_context(cafile=str(other.ca.certificate))
    with socket.create_connection(("127.0.0.1", own_broker.tls_port)) as plain, pytest.raises(ssl.SSLError):
        stranger.wrap_socket(plain, server_hostname="localhost")


async def test_a_renewed_server_certificate_is_taken_into_use(own_broker: Mosquitto, ca: SiteCa) -> None:
    def shown() -> bytes:
        context = ssl.create_default_context(cafile=str(ca.ca.certificate))
        with (
            socket.create_connection(("127.0.0.1", own_broker.tls_port)) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            return secure.getpeercert(binary_form=True) or b""

    before = shown()
    ca.server(["localhost", "127.0.0.1", "new.example"])
    own_broker.reload()
    deadline = time.monotonic() + 10
    while shown() == before and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    assert shown() != before


async def test_a_certificate_of_the_site_ca_is_an_account_until_revoked(
    own_broker: Mosquitto, ca: SiteCa, tmp_path: Path, link: MqttLink, eventually: Eventually
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    key_file, file = tmp_path / "node.key", tmp_path / "node.pem"
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    file.write_bytes(ca.device("node9", key.public_key()))
    files = {"ca_certs": str(ca.ca.certificate), "certfile": str(file), "keyfile": str(key_file)}
    port = own_broker.ports.certificate
    with device(port, **files) as node:
        assert node.refusal == ""
        node.publish("sluis/node9/telemetry", b"mine")
        node.publish("sluis/other/telemetry", b"not mine")
        node.publish("sluis/node9/telemetry", b"end")
        assert [frame.data async for frame in one_by_one(link, 2)] == [b"mine", b"end"]
    ca.revoke(file.read_bytes())
    own_broker.restart()
    await eventually(lambda: own_broker.restarts == 1 and own_broker.up)
    with socket.create_connection(("127.0.0.1", port)) as plain:
        context = ssl.create_default_context(cafile=str(ca.ca.certificate))
        context.load_cert_chain(file, key_file)
        with pytest.raises((ssl.SSLError, OSError)), context.wrap_socket(plain, server_hostname="localhost") as secure:
            # TLS 1.3 tells the client with its first read.
            secure.sendall(bytes.fromhex("100c00044d5154540402000a0000"))
            if not secure.recv(4):
                raise OSError("closed")


async def test_a_device_cannot_take_the_gateways_session(own_broker: Mosquitto, link: MqttLink) -> None:
    name, password = own_broker.credentials.issue_device("d1", "tasmota", "plug1", TASMOTA)
    with device(own_broker.plain_port, name, password, client_id="sluis-gateway") as thief:
        thief.publish("tele/plug1/STATE", b"still here")
        assert [frame.data async for frame in one_by_one(link, 1)] == [b"still here"]
    assert link.health().reconnects == 0


async def test_it_listens_where_it_was_told_and_nowhere_else(own_broker: Mosquitto) -> None:
    """mosquitto opens a listener on 0.0.0.0:1883 by itself when a listener's option stands above the first one."""
    connections = psutil.Process(own_broker.health().pid).net_connections("inet")
    listening = {(one.laddr.ip, one.laddr.port) for one in connections if one.status == psutil.CONN_LISTEN}
    assert len(own_broker.ports.open) == 4
    assert listening == {("127.0.0.1", port) for port in own_broker.ports.open}


# -- what each may touch ----------------------------------------------------------------------------------


async def test_a_device_can_only_touch_its_own_topics(own_broker: Mosquitto, link: MqttLink) -> None:
    name, password = own_broker.credentials.issue_device("d1", "tasmota", "plug1", TASMOTA)
    with device(own_broker.plain_port, name, password) as plug:
        for topic in ("tele/plug2/STATE", "cmnd/plug1/POWER", "cmnd/plug2/POWER", "sluis/gateway/status", "any/thing"):
            plug.publish(topic, b"denied")
        for topic in ("tele/plug1/STATE", "stat/plug1/RESULT", "tasmota/discovery/AA/config", f"sluis/{name}/x"):
            plug.publish(topic, b"allowed")
        seen = [(frame.source, frame.data) async for frame in one_by_one(link, 4)]
    assert seen == [
        ("tele/plug1/STATE", b"allowed"),
        ("stat/plug1/RESULT", b"allowed"),
        ("tasmota/discovery/AA/config", b"allowed"),
        (f"sluis/{name}/x", b"allowed"),
    ]


async def test_a_device_hears_only_its_own_topics(own_broker: Mosquitto, link: MqttLink) -> None:
    name, password = own_broker.credentials.issue_device("d1", "tasmota", "plug1", TASMOTA)
    with device(own_broker.plain_port, name, password) as plug:
        plug.subscribe("#")
        plug.subscribe("$SYS/#")
        await link.send(b"secret", to="cmnd/plug2/POWER")
        await link.send(b"secret", to="tele/plug1/STATE")
        await link.send(b"on", to="cmnd/plug1/POWER")
        deadline = time.monotonic() + 10
        while not plug.received and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        assert plug.received == [("cmnd/plug1/POWER", b"on")]


@pytest.mark.parametrize("native_id", ["plug\nuser evil\ntopic #", "+", "a/#", "", "x\r", "\0"])
async def test_ids_that_would_widen_rights_are_refused(own_broker: Mosquitto, native_id: str) -> None:
    before = own_broker.credentials.acl.read_text()
    with pytest.raises(ValueError):
        own_broker.credentials.issue_device("d1", "tasmota", native_id, TASMOTA)
    with pytest.raises(ValueError):
        own_broker.credentials.issue_device("d1", "sluis-node", native_id)
    assert own_broker.credentials.acl.read_text() == before


@pytest.mark.parametrize("native_id", ["gateway", "sluis-gateway", "sluis-probe"])
async def test_no_node_can_be_called_like_the_gateway(own_broker: Mosquitto, native_id: str) -> None:
    with pytest.raises(ValueError, match="own name"):
        own_broker.credentials.issue_device("d1", "sluis-node", native_id)


def test_two_devices_whose_ids_look_alike_get_two_accounts(tmp_path: Path) -> None:
    broker = Mosquitto(BrokerSettings(local_port=0), tmp_path, SystemClock())
    first, _ = broker.credentials.issue_device("d1", "tasmota", "a b", TASMOTA)
    second, _ = broker.credentials.issue_device("d2", "tasmota", "a-b", TASMOTA)
    assert first != second


async def test_secrets_are_for_their_owner_only(own_broker: Mosquitto, ca: SiteCa) -> None:
    folder = own_broker.folder
    files = [folder / name for name in ("passwords", "acl", "accounts.json", "gateway-password", "mosquitto.conf")]
    for file in [*files, ca.ca.key, ca.folder / "server.key"]:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert own_broker.password_file.read_text() not in "".join(
        file.read_text() for file in files if "gateway" not in file.name
    )


# -- how it lives and dies --------------------------------------------------------------------------------


async def test_killed_under_load_it_comes_back_and_nothing_acknowledged_is_lost(
    own_broker: Mosquitto, tasks: Start, eventually: Eventually, tmp_path: Path
) -> None:
    link = gateway_link(own_broker, tmp_path)
    link.on_subscribed(own_broker.save)
    link.set_filters(frozenset({"tele/#"}))
    tasks(link.run())
    await eventually(lambda: link.up)
    await link.send(b"", to="test/fence")
    # A broker that is killed in this moment would forget us; it takes some milliseconds to save.
    await eventually((own_broker.folder / "data" / "mosquitto.db").exists)
    stored: set[int] = set()

    async def intake() -> None:
        while True:
            frames = await link.take()
            stored.update(int(frame.data) for frame in frames)
            link.acknowledge([frame.token for frame in frames if frame.token is not None])

    tasks(intake())
    name, password = own_broker.credentials.issue_device("d1", "tasmota", "plug1", TASMOTA)
    acknowledged: set[int] = set()
    plug = Device(own_broker.plain_port, name, password)
    pending: dict[int, int] = {}
    plug.client.on_publish = lambda c, u, mid, *_: acknowledged.add(pending[mid])
    try:
        session = link.session
        for number in range(3_000):
            given = plug.client.publish("tele/plug1/STATE", str(number), 1)
            pending[given.mid] = number
            if number == 1_500:
                pid = own_broker.health().pid
                os.kill(pid, signal.SIGKILL)
            if number % 100 == 0:
                await asyncio.sleep(0.01)
        await eventually(lambda: len(acknowledged) == 3_000, 30)
        await eventually(lambda: acknowledged <= stored, 30)
    finally:
        plug.close()
    assert own_broker.restarts == 1
    assert own_broker.health().pid != pid
    assert own_broker.health().up
    assert link.session == session
    assert link.health().reconnects == 1


async def test_a_broker_that_hangs_is_replaced(own_broker: Mosquitto, eventually: Eventually) -> None:
    own_broker.hung_after_s = 0.2
    hung = own_broker.health().pid
    os.kill(hung, signal.SIGSTOP)
    await eventually(lambda: own_broker.up and own_broker.health().pid != hung, within_s=40)
    assert own_broker.restarts == 1 and not Path(f"/proc/{hung}").exists()


async def test_a_port_in_use_is_named(tmp_path: Path, free_port: int) -> None:
    with socket.create_server(("127.0.0.1", free_port)):
        broker = Mosquitto(BrokerSettings(local_port=free_port), tmp_path, SystemClock())
        broker.prepare()
        with pytest.raises(PortTaken, match=str(free_port)):
            await broker.start()
    assert not broker.up


async def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    broker = Mosquitto(BrokerSettings(local_port=0), tmp_path, SystemClock())
    broker.prepare()
    conf = broker.folder / "mosquitto.conf"
    conf.write_text(conf.read_text() + "nonsense true\n")
    with pytest.raises(LinkError, match="nonsense"):
        await broker.start()


async def test_the_development_switch_is_loud_and_stays_on_this_machine(
    tmp_path: Path, ca: SiteCa, caplog: pytest.LogCaptureFixture, tasks: Start
) -> None:
    pair = ca.server(["localhost"])
    settings = BrokerSettings(local_port=0, tls_host="127.0.0.1", tls_port=0, plain_port=0, allow_anonymous=True)
    broker = Mosquitto(settings, tmp_path, SystemClock(), pair.certificate, pair.key)
    broker.prepare()
    assert "ANYBODY" in caplog.text
    await broker.start()
    running = tasks(broker.run())
    with device(broker.local_port) as anybody:
        assert anybody.refusal == ""
    with device(broker.plain_port) as anybody:
        assert "Not authorized" in anybody.refusal
    with device(broker.tls_port, ca_certs=str(ca.ca.certificate)) as anybody:
        assert "Not authorized" in anybody.refusal
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


LIVES_ONCE = """
    import asyncio, sys
    from pathlib import Path
    from sluis.links.broker import Mosquitto
    from sluis.links.settings import BrokerSettings
    from sluis.runtime import SystemClock

    async def main():
        broker = Mosquitto(BrokerSettings(local_port=0), Path(sys.argv[1]), SystemClock())
        broker.prepare()
        await broker.start()
        print(broker.health().pid, flush=True)
        await broker.run()

    asyncio.run(main())
"""


async def test_nothing_is_left_running_when_the_gateway_is_killed(tmp_path: Path, eventually: Eventually) -> None:
    script = tmp_path / "lives_once.py"
    script.write_text(textwrap.dedent(LIVES_ONCE))
    with subprocess.Popen([sys.executable, str(script), str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(await asyncio.to_thread(process.stdout.readline))
        process.kill()
    await eventually(lambda: not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text())
    assert (tmp_path / "broker/data/mosquitto.db").exists(), "it did not save before it ended"


async def test_a_leftover_of_ours_is_ended_before_the_next_start(
    tmp_path: Path, tasks: Start, eventually: Eventually
) -> None:
    first = Mosquitto(BrokerSettings(local_port=0), tmp_path, SystemClock())
    first.prepare()
    await first.start()
    left = first.health().pid
    second = Mosquitto(BrokerSettings(local_port=first.local_port), tmp_path, SystemClock())
    second.prepare()
    await second.start()
    running = tasks(second.run())
    await eventually(lambda: first.health().pid == 0)
    assert second.up and second.health().pid != left
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await asyncio.gather(first._reader or asyncio.sleep(0))


# -- where it comes from ----------------------------------------------------------------------------------


@pytest.fixture
def home_of_nobody() -> Iterator[Path]:
    """Not below pytest's own folder: each pytest that starts closes that for others."""
    with tempfile.TemporaryDirectory(prefix="sluis-nobody-") as made:
        os.chown(made, 65534, 65534)
        yield Path(made)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become an ordinary user")
def test_an_ordinary_user_gets_a_broker_without_installing_one(home_of_nobody: Path, free_port: int) -> None:
    """As `nobody`, with no mosquitto on the path: Debian's package is unpacked and runs."""
    home = home_of_nobody
    code = (
        "import sys; from pathlib import Path; from sluis.links.broker.binary import find_mosquitto;"
        "b = find_mosquitto(Path(sys.argv[1]), searched='/nowhere'); print(b.path, b.libraries, b.version(), sep='\\n')"
    )
    root = Path(__file__).parents[2]
    command = [
        "setpriv",
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
        sys.executable,
        "-c",
        code,
        str(home),
    ]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "PYTHONPATH": str(root / "gateway")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=home, timeout=55)
    assert done.returncode == 0, done.stderr
    path, libraries, version = done.stdout.split()
    assert path.startswith(str(home)) and version.startswith("2.")
    (home / "m.conf").write_text(f"listener {free_port} 127.0.0.1\nallow_anonymous true\n")
    alone = {"LD_LIBRARY_PATH": libraries}
    with subprocess.Popen(
        [*command[:6], path, "-c", str(home / "m.conf")], env=alone, stderr=subprocess.PIPE
    ) as process:
        try:
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline and process.poll() is None:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", free_port)) == 0:
                        return
                time.sleep(0.02)
            pytest.fail("the unpacked mosquitto does not answer")
        finally:
            process.terminate()
            process.communicate(timeout=10)


def test_an_installed_mosquitto_is_found(tmp_path: Path) -> None:
    binary = find_mosquitto(tmp_path)
    assert binary.libraries is None and binary.version().startswith("2.")


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "user"),
    [
        ("mqtt://broker", "broker", 1883, False, "kept"),
        ("mqtts://anna@broker:9000", "broker", 9000, True, "anna"),
        ("mqtt://[::1]:1884", "::1", 1884, False, "kept"),
    ],
)
def test_somebody_elses_broker(url: str, host: str, port: int, tls: bool, user: str) -> None:
    settings = joined(url, MqttSettings(username="kept"))
    assert (settings.host, settings.port, settings.tls, settings.username) == (host, port, tls, user)


@pytest.mark.parametrize(
    "url", ["broker", "http://broker", "mqtt://", "mqtt://h:x", "mqtt://a:secret@h", "mqtt://h/path"]
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        joined(url, MqttSettings())
    assert "secret" not in str(caught.value)
