"""Recording frames from a live broker into a file."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sluis.cli.lazy import Failure, UnreachableFailure

CONNECT_S = 5.0


@dataclass(frozen=True, slots=True)
class Address:
    """A broker and how to sign in."""

    host: str
    port: int
    username: str = ""
    password: str = ""


def address_of(url: str | None, folder: Path) -> Address:
    """The broker of a URL, or that of the gateway running with this data folder."""
    if url is None:
        return _running(folder)
    parts = urlsplit(url if "//" in url else f"mqtt://{url}")
    if parts.scheme != "mqtt" or not parts.hostname:
        raise Failure(f"{url!r} is no broker", "mqtt://[user:password@]host[:port]")
    return Address(parts.hostname, parts.port or 1883, parts.username or "", parts.password or "")


def _running(folder: Path) -> Address:
    from sluis.links.broker.mosquitto import GATEWAY

    try:
        told = json.loads((folder / "run" / "gateway.json").read_text())["broker"]
    except (OSError, ValueError, KeyError) as error:
        hint = "Start one, or name a broker: --broker mqtt://host"
        raise UnreachableFailure(f"no gateway is running with data folder {folder}", hint) from error
    parts = urlsplit(told)
    secret = folder / "broker" / "gateway-password"
    password = secret.read_text().strip() if secret.exists() else ""
    return Address(parts.hostname or "127.0.0.1", parts.port or 1883, GATEWAY if password else "", password)


def record_frames(address: Address, topics: Sequence[str], file: Path, seconds: float | None, count: int | None) -> int:
    """Append frames to `file` until the time is over, the count is reached, or Ctrl-C. How many there were."""
    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

    from sluis.links.recording import Recorder
    from sluis.model import Frame, Stamp

    done, ready, refused, taken = threading.Event(), threading.Event(), [], 0
    recorder = Recorder(file)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"sluis-record-{os.getpid()}", clean_session=True)
    if address.username:
        client.username_pw_set(address.username, address.password)

    def connected(client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            refused.append(str(reason))
        else:
            client.subscribe([(topic, 1) for topic in topics])
        ready.set()

    def arrived(_client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        nonlocal taken
        if done.is_set():
            return
        stamp = Stamp(time.time_ns() // 1000, time.monotonic_ns() // 1000)
        recorder.write([Frame("record", message.topic, bytes(message.payload), stamp, message.retain)])
        taken += 1
        if count is not None and taken >= count:
            done.set()

    client.on_connect, client.on_message = connected, arrived
    try:
        client.connect(address.host, address.port)
        client.loop_start()
        if not ready.wait(CONNECT_S) or refused:
            raise UnreachableFailure(f"{address.host}:{address.port}: {(refused or ['no answer'])[0]}")
        done.wait(seconds)
    except KeyboardInterrupt:
        pass
    except OSError as error:
        raise UnreachableFailure(f"{address.host}:{address.port} cannot be reached: {error}") from error
    finally:
        client.disconnect()
        client.loop_stop()
        recorder.close()
    return taken
