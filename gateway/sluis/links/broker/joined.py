"""Somebody else's broker, joined by its address."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote, urlsplit

from sluis.links.settings import MqttSettings
from sluis.model import ConfigError

PORTS = {"mqtt": 1883, "mqtts": 8883}


def joined(url: str, settings: MqttSettings) -> MqttSettings:
    """The link's settings for the broker at `url` (`mqtt://host[:port]`, `mqtts://user@host`).

    The password comes from `mqtt.password_file`, never from the address, which ends up in logs. ConfigError says what
    is wrong with the address.
    """
    allowed = "mqtt://HOST[:PORT], mqtts://[USER@]HOST[:PORT]"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"is no address ({error})", where="broker.url", allowed=allowed) from None
    if parts.scheme not in PORTS or not parts.hostname or parts.path.strip("/"):
        raise ConfigError(f"is {url!r}", where="broker.url", allowed=allowed)
    if parts.password is not None:
        raise ConfigError(
            "holds a password", where="broker.url", hint="Put it in a file and name it in mqtt.password_file."
        )
    return replace(
        settings,
        host=parts.hostname,
        port=port or PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        username=unquote(parts.username or "") or settings.username,
    )
