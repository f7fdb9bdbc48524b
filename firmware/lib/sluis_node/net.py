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
LEAVE_S = 3
ROUNDS_BEFORE_RESTART = 3
REFUSALS = (
    ("STAT_WRONG_PASSWORD", "wrong password"),
    ("STAT_NO_AP_FOUND", "not in reach"),
    ("STAT_CONNECT_FAIL", "it does not take us"),
    ("STAT_ASSOC_FAIL", "it does not take us"),
    ("STAT_HANDSHAKE_TIMEOUT", "wrong password, or too weak"),
)


class Wired:
    """A port without `network`: the system below us has seen to it."""

    wireless = False
    name = "wired"
    trouble = ""
    seeking = False

    def up(self) -> bool:
        return True

    def rssi(self) -> "int | None":
        return None

    async def run(self) -> None:
        return

    async def scan(self) -> "list[tuple[str, int, int]]":
        return []

    async def join(self, ssid: str, password: str) -> bool:
        return False


class Wifi:
    wireless = True

    def __init__(
        self, network: "Any", networks: "list[dict[str, str]]", host: str, note: "Callable[[str], None]"
    ) -> None:
        self._radio = network.WLAN(network.STA_IF)
        self._networks = networks
        self._note = note
        self._trying = asyncio.Lock()
        self._guests = 0
        self.name = ""
        self.trouble = ""
        """Why the last network did not take us; "" when one did."""
        self.seeking = False
        """Nothing that is known could be joined: it is time to be told another."""
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
                self.seeking = False
            else:
                if self.name:
                    self._note("Wi-Fi %s is lost" % self.name)
                    self.name = ""
                async with self._trying:
                    if rounds >= ROUNDS_BEFORE_RESTART:
                        self._radio.active(False)
                        await asyncio.sleep(1)
                        self._start()
                        rounds = 0
                    if not self.up():
                        await self._join()
                rounds += 1 if self._networks else 0
                self.seeking = not self.up()
            await asyncio.sleep(LOOK_S)

    def _start(self) -> None:
        self._radio.active(True)
        try:
            self._radio.config(pm=self._radio.PM_NONE)  # power saving delays what arrives by up to a second
        except (ValueError, OSError, AttributeError):
            pass

    async def _join(self) -> None:
        for known in self._by_strength():
            if self._guests or await self._connect(known["ssid"], known.get("password") or ""):
                return

    async def _connect(self, ssid: str, password: str, guest: bool = False) -> bool:
        self._radio.connect(ssid, password or None)
        why = ""
        for _ in range(JOIN_S * 10):
            await asyncio.sleep_ms(100)
            if self.up():
                self.name = ssid
                self.trouble = ""
                self.seeking = False
                self._note("Wi-Fi %s, %s dBm" % (self.name, self.rssi()))
                return True
            why = self._refusals().get(self._radio.status(), "")
            if self._guests and not guest:
                why = "put off"
            if why:
                break
        self.trouble = "Wi-Fi %s: %s" % (ssid, why or "no answer (%s)" % self._radio.status())
        self._note(self.trouble)
        self._radio.disconnect()
        return False

    async def join(self, ssid: str, password: str) -> bool:
        """Try this network now; known ones wait meanwhile, and are tried again when this one does not take us."""
        self._guests += 1
        try:
            async with self._trying:
                if self.up():
                    self._radio.disconnect()
                    for _ in range(LEAVE_S * 10):
                        if not self.up():
                            break
                        await asyncio.sleep_ms(100)
                return await self._connect(ssid, password, True)
        finally:
            self._guests -= 1

    async def scan(self) -> "list[tuple[str, int, int]]":
        """(SSID, dBm, security) of the networks in reach, each once, the strongest first."""
        self._guests += 1
        try:
            async with self._trying:
                found = self._in_reach()
        finally:
            self._guests -= 1
        return sorted([(ssid, each[0], each[1]) for ssid, each in found.items()], key=lambda each: -each[1])

    def know(self, network: "dict[str, str]") -> None:
        """One more to try from now on."""
        self._networks = [network] + [each for each in self._networks if each != network]

    def _refusals(self) -> "dict[int, str]":
        import network

        return {getattr(network, name): why for name, why in REFUSALS if hasattr(network, name)}

    def _in_reach(self) -> "dict[str, tuple[int, int]]":
        seen: "dict[str, tuple[int, int]]" = {}
        try:
            heard = self._radio.scan()
        except OSError:  # busy joining
            return seen
        for found in heard:
            try:
                ssid = found[0].decode()
            except UnicodeError:
                continue
            if ssid and found[3] > seen.get(ssid, (-999, 0))[0]:
                seen[ssid] = (found[3], found[4])
        return seen

    def _by_strength(self) -> "list[dict[str, str]]":
        """Known networks, the strongest first; those not seen (hidden ones) last."""
        seen = self._in_reach() if self._networks else {}
        return sorted(self._networks, key=lambda known: -seen.get(known["ssid"], (-999, 0))[0])


def way_out(networks: "list[dict[str, str]]", host: str, note: "Callable[[str], None]") -> "Any":
    """Wi-Fi where there is a radio and a network for it, else wired."""
    try:
        import network
    except ImportError:
        return Wired()
    return Wifi(network, networks, host, note)
