"""Settings of the panel, its API and signing in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PanelSettings:
    """Where the panel listens, how long a session lasts, how much a request may send."""

    host: str = "127.0.0.1"
    """Address the panel listens on; `0.0.0.0` for every network the gateway is on."""
    port: int = 8443
    """TCP port of the panel and the API (HTTPS); 0 for any free one."""
    trust_port: int = 8080
    """TCP port of the plain listener with the site certificate and redirects; 0 for any free one, -1 for none."""
    hostname: str = "sluis.local"
    """Name people type; redirects and links in notifications use it."""
    site_name: str = "Sluis"
    """Name of the building, shown at the top of every page."""
    default_language: str = "nl"
    """Language where the browser asks for none we have (`nl` or `en`)."""
    session_idle_s: float = 12 * 3600.0
    """A session that is not used for this long ends."""
    session_life_s: float = 30 * 86400.0
    """A session ends after this long, however busy it is."""
    token_life_s: float = 365 * 86400.0
    """Longest life an API token may be given, and what it gets when none is asked."""
    password_min: int = 10
    """Shortest password, in characters."""
    max_body_bytes: int = 1_048_576
    """Largest request body; larger is refused before it is read."""
    max_streams: int = 64
    """Live streams open at once; each costs a connection and a small queue."""
    stream_hz: float = 10.0
    """Updates per second of one point on the live stream, at most."""
    request_s: float = 15.0
    """Seconds a client may take for a request's headers, and for each piece of its body."""
    area_order: tuple[str, ...] = ()
    """Areas in building order; those not named follow by name, with numbers in their order."""
    main_meters: tuple[str, ...] = ()
    """Keys of the devices that measure what the whole building takes. The electricity card shows their sum. Without
    them it is the sum of everything that measures power, in which a plug behind a meter counts twice."""
