"""mosquitto.conf, every line with its reason (mosquitto.conf(5), version 2.0)."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from sluis.links.settings import BrokerSettings


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the broker listens; a port of 0 or less: not there."""

    local: int
    tls: int = -1
    plain: int = -1
    certificate: int = -1

    @property
    def open(self) -> tuple[int, ...]:
        return tuple(port for port in (self.local, self.tls, self.plain, self.certificate) if port > 0)


@dataclass(frozen=True, slots=True)
class Identity:
    """The broker's own certificate, and what it checks devices' certificates against."""

    certificate: Path
    key: Path
    ca: Path | None = None
    revoked: Path | None = None


def configuration(folder: Path, settings: BrokerSettings, ports: Ports, identity: Identity | None) -> str:
    """The whole file."""
    parts = [_common(folder, settings), _limits(settings), *_local(folder, settings, ports)]
    if identity is not None:
        parts += _tls(folder, settings, ports, identity)
    if ports.plain > 0:
        parts += [
            "# For devices that cannot do TLS: an account each, but readable on their network.",
            *_listener(ports.plain, settings.plain_host, settings),
            *_one_account_one_client(folder, settings),
        ]
    return "\n".join(parts) + "\n"


def _common(folder: Path, settings: BrokerSettings) -> str:
    return f"""\
# Made by Sluis at every start; changes here are lost. Settings: docs/reference/settings.md, [broker].

# One set of accounts and rights for all listeners; only the development switch needs them apart.
per_listener_settings {"true" if settings.allow_anonymous else "false"}
{"" if settings.allow_anonymous else _accounts(folder)}
# The same user as the gateway: its files are ours alone.
user {pwd.getpwuid(os.geteuid()).pw_name}
pid_file {folder / "mosquitto.pid"}

# Sessions, queued and retained messages survive a restart. Written whole at each save, so not too often on a card;
# a broker that is asked to end saves first, and only a power cut or SIGKILL goes back to the last save.
persistence true
persistence_location {folder / "data"}/
autosave_interval {settings.save_every_s}
# A client that never comes back does not keep its queue for ever; the gateway itself is never away this long.
persistent_client_expiration 2m

# Our log is the gateway's log. Who connects is told at level notice.
log_dest stderr
log_timestamp false
log_type error
log_type warning
log_type notice
connection_messages true
"""


def _limits(settings: BrokerSettings) -> str:
    return f"""\
# The gateway acknowledges after its commit, so many messages are on their way to it at once. With a limit the rest
# would wait in memory after their senders were told that they are safe (docs/decisions/0003).
max_inflight_messages 0
# Kept for a client that is away. When full, the newest are dropped and the sender of QoS 1 is not told: so it must be
# more than arrives during an update of the gateway. 256 bytes each: 200,000 are some 80 MB at the very worst.
max_queued_messages {settings.max_queued_messages}
max_queued_bytes {settings.max_queued_messages * 1024}
# What a device sends at QoS 0 while its reader is away is old news when the reader returns.
queue_qos0_messages false
# One packet, topic and all. A larger one ends its sender's connection. Devices send a few kilobytes at most; a bridge's
# list of devices can be some hundreds of kilobytes.
max_packet_size {settings.max_packet_bytes}
# A dead device is noticed, and its will sent, within one and a half times this.
max_keepalive 3600
# Commands go out at once instead of waiting for company.
set_tcp_nodelay true
"""


def _local(folder: Path, settings: BrokerSettings, ports: Ports) -> list[str]:
    lines = [
        "# For the gateway itself and programs on this machine.",
        *_listener(ports.local, "127.0.0.1", settings),
    ]
    if settings.allow_anonymous:
        lines += [
            "# DEVELOPMENT SWITCH broker.allow_anonymous: anybody on this machine, everything.",
            "allow_anonymous true",
        ]
    return [*lines, ""]


def _tls(folder: Path, settings: BrokerSettings, ports: Ports, identity: Identity) -> list[str]:
    lines: list[str] = []
    encrypted = [
        f"certfile {identity.certificate}",
        f"keyfile {identity.key}",
        "# The oldest version that is not broken; microcontrollers of the last ten years speak it.",
        "tls_version tlsv1.2",
    ]
    if ports.tls > 0:
        lines += [
            "# For devices: TLS with the site's own certificate authority, and an account each.",
            *_listener(ports.tls, settings.tls_host, settings),
            *encrypted,
            *_one_account_one_client(folder, settings),
            "",
        ]
    if ports.certificate > 0 and identity.ca is not None:
        lines += [
            "# For devices with a certificate of their own; its common name is the account.",
            *_listener(ports.certificate, settings.tls_host, settings),
            *encrypted,
            f"cafile {identity.ca}",
            *([f"crlfile {identity.revoked}"] if identity.revoked is not None else []),
            "require_certificate true",
            "use_identity_as_username true",
            *_one_account_one_client(folder, settings),
            "",
        ]
    return lines


def _listener(port: int, host: str, settings: BrokerSettings) -> list[str]:
    """Its limit must stand below it: above the first listener, mosquitto 2.0 takes it for one on 0.0.0.0:1883."""
    return [
        f"listener {port} {host}",
        "# Twice the devices of a large building; without it a device that reconnects and never closes takes all.",
        f"max_connections {settings.max_connections}",
    ]


def _one_account_one_client(folder: Path, settings: BrokerSettings) -> list[str]:
    """On every listener that others reach."""
    return [
        "# A client's id is its account: nobody can throw another out, or take its session, by using its id.",
        "use_username_as_clientid true",
        *([_accounts(folder)] if settings.allow_anonymous else []),
    ]


def _accounts(folder: Path) -> str:
    return f"allow_anonymous false\npassword_file {folder / 'passwords'}\nacl_file {folder / 'acl'}"
