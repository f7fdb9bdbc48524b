"""The way to the network: Wi-Fi with several known networks, or wired where the port has no radio.

The driver of a chip reconnects by itself only sometimes, so `run` looks, joins the strongest known network, and starts
the radio anew when nothing helps (routers that were away, drivers that hang).
"""

import asyncio

try:
    from typing import Any, Callable
except ImportError:  # a node has no typing
    pass

LOOK_S = 5
JOIN_S = 20
"""WPA3 and DHCP of a busy access point take 10 s."""
ROUNDS_BEFORE_RESTART = 3


class Wired:
    """A port without `network`: the system below us has seen to it."""

    wireless = False
    name = "wired"

    def up(self) -> bool:
        return True

    def rssi(self) -> "int | None":
        return None

    async def run(self) -> None:
        return


class Wifi:
    wireless = True

    def __init__(
        self, network: "Any", networks: "list[dict[str, str]]", host: str, note: "Callable[[str], None]"
    ) -> None:
        self._radio = network.WLAN(network.STA_IF)
        self._networks = networks
        self._note = note
        self.name = ""
        try:
            network.hostname(host)
        except (AttributeError, ValueError):
            pass

    def up(self) -> bool:
        return bool(self._radio.isconnected())

    def rssi(self) -> "int | None":
        try:
            return int(self._radio.status("rssi")) if self.up() else None
        except (ValueError, OSError, TypeError):
            return None

    async def run(self) -> None:
        rounds = 0
        self._start()
        while True:
            if self.up():
                rounds = 0
            else:
                if self.name:
                    self._note("Wi-Fi %s is lost" % self.name)
                    self.name = ""
                if rounds >= ROUNDS_BEFORE_RESTART:
                    self._radio.active(False)
                    await asyncio.sleep(1)
                    self._start()
                    rounds = 0
                rounds += 1
                await self._join()
            await asyncio.sleep(LOOK_S)

    def _start(self) -> None:
        self._radio.active(True)
        try:
            self._radio.config(pm=self._radio.PM_NONE)  # power saving delays what arrives by up to a second
        except (ValueError, OSError, AttributeError):
            pass

    async def _join(self) -> None:
        for known in self._by_strength():
            self._radio.connect(known["ssid"], known.get("password") or None)
            for _ in range(JOIN_S * 10):
                await asyncio.sleep_ms(100)
                if self.up():
                    self.name = known["ssid"]
                    self._note("Wi-Fi %s, %s dBm" % (self.name, self.rssi()))
                    return
                if self._radio.status() < 0 or self._radio.status() in self._refusals():
                    break
            self._note("Wi-Fi %s does not take us (%s)" % (known["ssid"], self._radio.status()))
            self._radio.disconnect()

    def _refusals(self) -> "tuple[int, ...]":
        import network

        names = ("STAT_WRONG_PASSWORD", "STAT_NO_AP_FOUND", "STAT_CONNECT_FAIL", "STAT_ASSOC_FAIL")
        return tuple(getattr(network, name) for name in names if hasattr(network, name))

    def _by_strength(self) -> "list[dict[str, str]]":
        """Known networks, the strongest first; those not seen (hidden ones) last."""
        seen: "dict[str, int]" = {}
        try:
            for found in self._radio.scan():
                ssid = found[0].decode()
                seen[ssid] = max(found[3], seen.get(ssid, -999))
        except (OSError, UnicodeError):
            pass
        return sorted(self._networks, key=lambda known: -seen.get(known["ssid"], -999))


def way_out(networks: "list[dict[str, str]]", host: str, note: "Callable[[str], None]") -> "Any":
    """Wi-Fi where there is a radio and a network for it, else wired."""
    try:
        import network
    except ImportError:
        return Wired()
    return Wifi(network, networks, host, note)
