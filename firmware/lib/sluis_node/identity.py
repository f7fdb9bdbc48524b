"""Who this node is and where it belongs: `/id.json`, `/net.json`, `/node.json`, each checked as it is read."""

from sluis_node import board, config, files

try:
    from typing import Any
except ImportError:  # a node has no typing
    pass

SECRETS = ("/net.json", "/net.good", "/ca.der", "/cert.der", "/key.der")
WIPED = SECRETS + ("/node.json", "/node.good", "/clock", "/crash.txt")


class Identity:
    """`wrong` lists what is wrong with the files; a file with a problem counts as absent."""

    def __init__(self) -> None:
        told = files.read_json("/id.json")
        told = told if isinstance(told, dict) else {}
        self.id = board.chip_id()
        self.board = str(told.get("board", ""))
        self.wrong: "list[tuple[str, str]]" = []
        self.net = self._checked("/net.json", config.check_net, None)
        self.node = self._checked("/node.json", config.check, {})

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


def wipe() -> None:
    """Forget the site: its networks, its secrets and what was wired here. Who the board is stays."""
    for path in WIPED:
        files.remove(path)
