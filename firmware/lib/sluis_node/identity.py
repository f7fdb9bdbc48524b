"""Who this node is and where it belongs: `/id.json`, `/net.json`, `/node.json`, each checked as it is read.

`/wifi.json` lists the networks that somebody beside the node told it (Improv) and that took it. They stay when the
gateway tells others.
"""

import json

from sluis_node import board, config, files

try:
    from typing import Any
except ImportError:  # a node has no typing
    pass

WIFI = "/wifi.json"
WIFI_MAX = 4
SECRETS = ("/net.json", "/net.good", "/ca.der", "/cert.der", "/key.der")
WIPED = SECRETS + (WIFI, "/node.json", "/node.good", "/node.old", "/trial.s", "/clock", "/crash.txt")


class Identity:
    """`wrong` lists what is wrong with the files; a file with a problem counts as absent."""

    def __init__(self) -> None:
        told = files.read_json("/id.json")
        told = told if isinstance(told, dict) else {}
        self.id = board.chip_id()
        self.board = str(told.get("board", ""))
        self.wrong: "list[tuple[str, str]]" = []
        self.net = self._checked("/net.json", config.check_net, None)
        self.node = self._checked("/node.json", lambda told: config.check(told, self.board), {})

    def networks(self) -> "list[dict[str, str]]":
        """All that this node may join."""
        told = list(self.net["networks"]) if self.net is not None else []
        return [each for each in kept_networks() if each not in told] + told

    def _checked(self, path: str, check: "Any", absent: "Any") -> "Any":
        told = files.read_json(path)
        if told is None:
            if files.read(path) is not None:
                self.wrong.append((path, "is damaged"))
            return None if absent is None else check(absent)[0]
        settings, wrong = check(told)
        if wrong:
            self.wrong += [("%s %s" % (path, where), what) for where, what in wrong]
            return None if absent is None else check(absent)[0]
        return settings


def kept_networks() -> "list[dict[str, str]]":
    """What `/wifi.json` lists, the latest first; nothing when it is damaged."""
    told = files.read_json(WIFI)
    try:
        config.NET["networks"].check(told)
    except ValueError:
        return []
    return list(told)


def keep_network(ssid: str, password: str) -> None:
    others = [each for each in kept_networks() if each["ssid"] != ssid]
    files.write(WIFI, json.dumps([{"ssid": ssid, "password": password}] + others[: WIFI_MAX - 1]))


def enrol(net: "dict[str, Any]", ca: bytes) -> None:
    """What the gateway issued takes the place of what was there. An older key opens nothing: none is gone back to."""
    files.remove("/net.good")
    if ca:
        files.write("/ca.der", ca)
    else:
        files.remove("/ca.der")
    files.write("/net.json", json.dumps(net))


def wipe() -> None:
    """Forget the site: its networks, its secrets and what was wired here. Who the board is stays."""
    for path in WIPED:
        files.remove(path)
