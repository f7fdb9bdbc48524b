"""`network` for the unix port: a radio, for a virtual board that is to have one (put this folder on `sys.path` too).

World: {"wifi": {"networks": [{"ssid": "attic", "password": "...", "rssi": -60}]}}. A network that goes from the list
is lost. The sockets below are the host's, so joining opens no way that was not there.
"""

from machine import world

STA_IF = 0
STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP = 0, 1, 3
STAT_WRONG_PASSWORD, STAT_NO_AP_FOUND, STAT_CONNECT_FAIL = -3, -2, -1

_hostname = ["micropython"]


def hostname(name=None):
    if name is not None:
        _hostname[0] = name
    return _hostname[0]


def _in_the_air():
    return world.at("wifi").get("networks", [])


class WLAN:
    PM_NONE = 0

    def __init__(self, interface):
        self._active = False
        self._wish = None

    def active(self, on=None):
        if on is not None:
            self._active = on
            self._wish = self._wish if on else None
        return self._active

    def config(self, **_):
        if not self._active:
            raise OSError("the radio is off")

    def scan(self):
        if not self._active:
            raise OSError("the radio is off")
        return [
            (each["ssid"].encode(), b"\x00" * 6, 1, each["rssi"], 3 if each.get("password") else 0, 0)
            for each in _in_the_air()
        ]

    def connect(self, ssid, key=None):
        self._wish = (ssid, key or "")

    def disconnect(self):
        self._wish = None

    def _joined(self):
        if self._active and self._wish:
            for each in _in_the_air():
                if (each["ssid"], each.get("password", "")) == self._wish:
                    return each
        return None

    def isconnected(self):
        return self._joined() is not None

    def status(self, what=None):
        joined = self._joined()
        if what == "rssi":
            if joined is None:
                raise OSError("not joined")
            return joined["rssi"]
        if self._wish is None:
            return STAT_IDLE
        if joined is not None:
            return STAT_GOT_IP
        seen = any(each["ssid"] == self._wish[0] for each in _in_the_air())
        return STAT_WRONG_PASSWORD if seen else STAT_NO_AP_FOUND
