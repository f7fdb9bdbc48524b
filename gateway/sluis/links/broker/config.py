"""mosquitto.conf, every line with its reason."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from sluis.links.settings import BrokerSettings


def configuration(
    folder: Path, settings: BrokerSettings, local_port: int, tls_port: int, certificate: Path | None, key: Path | None
) -> str:
    """The configuration of our own broker. `tls_port` of 0 or less: no TLS listener."""
    lines = [
        "# Made by Sluis at every start; changes here are lost. Settings: docs/reference/settings.md, [broker].",
        "per_listener_settings false",
        "# The same user as the gateway: its files are ours alone.",
        f"user {pwd.getpwuid(os.getuid()).pw_name}",
        f"allow_anonymous {'true' if settings.allow_anonymous else 'false'}",
        f"password_file {folder / 'passwords'}",
        "" if settings.allow_anonymous else f"acl_file {folder / 'acl'}",
        f"pid_file {folder / 'mosquitto.pid'}",
        "# Sessions and retained messages survive a restart.",
        "persistence true",
        f"persistence_location {folder / 'data'}/",
        f"autosave_interval {settings.save_every_s}",
        "# A client that never comes back does not keep its queue for ever.",
        "persistent_client_expiration 2m",
        "# The gateway acknowledges after its commit, so many messages are on their way to it at once. Without a limit",
        "# a message is in the gateway's socket before its sender is told that it was taken.",
        "max_inflight_messages 0",
        f"max_queued_messages {settings.max_queued_messages}",
        "queue_qos0_messages false",
        f"max_packet_size {settings.max_packet_bytes}",
        f"max_connections {settings.max_connections}",
        "max_keepalive 3600",
        "set_tcp_nodelay true",
        "connection_messages false",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "",
        "# For the gateway itself and programs on this machine.",
        f"listener {local_port} 127.0.0.1",
    ]
    if tls_port > 0 and certificate is not None:
        lines += [
            "",
            "# For devices: TLS with the site's own certificate authority.",
            f"listener {tls_port} {settings.tls_host}",
            f"certfile {certificate}",
            f"keyfile {key}",
            "tls_version tlsv1.2",
        ]
    return "\n".join(lines) + "\n"
