"""What a node can be asked, over MQTT and over the cable alike: `{"call", "do", ...}` in, `{"call", "ok", ...}` out.

identify  for_s                 blinks
restart                         after the answer
test      parts?, rssi_min?     findings: part, kind, pin, ok, values | said and check
log       after?                lines: [number, seconds since the start, text]
config    node? | net?, trial_s?  checked, then on trial (see trial.py)
config    which?                what the node has; `previous`: what it had before that
wipe                            forgets the site and restarts
update    release? | trust?, now?, rules?   takes a signed release, or new keys, or says why not and when to ask again
undo                            runs the other slot again, on trial
drop                            forgets an update that is not finished
page                            why the last trial went back
about                           id, name, board, firmware, and whether it is connected; if not, why
enrol    net, ca                over the cable only: takes its key and the gateway's CA (base64), and restarts
"""

import binascii
import hashlib
import json

from sluis_node import VERSION, announce, carrier, config, files, identity, page, trial
from sluis_node.refused import Later, Refused

try:
    from typing import Any

    from sluis_node.app import Node
except ImportError:  # a node has no typing
    pass


RSSI_MIN_DBM = -75
"""Below this a node loses messages whenever somebody stands in between."""


LONG = ("update", "undo")
"""Signatures take a small node seconds: meanwhile it answers others."""


class Unanswerable(ValueError):
    """The question is wrong: a sentence, and what is wrong key by key."""

    def __init__(self, text: str, problems: "tuple[tuple[str, str], ...]" = ()) -> None:
        super().__init__(text)
        self.problems = problems


async def answer(node: "Node", asked: "dict[str, Any]", by_cable: bool = False) -> "dict[str, Any]":
    """The answer to a question; never raises."""
    told = {"call": asked.get("call"), "ok": True}
    try:
        do = str(asked.get("do"))
        ask = _enrol if do == "enrol" and by_cable else _ANSWERS.get(do)
        if ask is None:
            raise Unanswerable("this node can do " + ", ".join(sorted(_ANSWERS)))
        told.update(await ask(node, asked))
    except Refused as error:
        told.update({"ok": False, "error": str(error), "code": error.code})
    except Later as error:
        told.update({"ok": False, "error": str(error), "later_s": error.after_s})
    except Unanswerable as error:
        told.update({"ok": False, "error": str(error)})
        if error.problems:
            told["problems"] = error.problems
    except Exception as error:
        told.update({"ok": False, "error": "%s: %s" % (type(error).__name__, error)})
    return told


async def _identify(node: "Node", asked: "dict[str, Any]") -> "dict[str, Any]":
    for_s = asked.get("for_s", 10)
    if not isinstance(for_s, int) or not 1 <= for_s <= 300:
        raise Unanswerable("for_s must be a whole number from 1 to 300")
    if not node.identify(for_s):
        raise Unanswerable("this board has no lamp: give its pin as `led` in node.json")
    return {}


async def _restart(node: "Node", asked: "dict[str, Any]") -> "dict[str, Any]":
    node.restart("asked to")
    return {}


async def _test(node: "Node", asked: "dict[str, Any]") -> "dict[str, Any]":
    if node.safe_mode:
        raise Unanswerable("this node is in safe mode: its parts do not run")
    only = asked.get("parts")
    findings = await node.runner.test(only if isinstance(only, list) else None)
    rssi = node.way.rssi()
    if node.way.wireless and not only:
        lowest = asked.get("rssi_min", RSSI_MIN_DBM)
        finding = {"part": "radio", "kind": "wifi", "pin": "", "ok": rssi is not None and rssi >= lowest}
        finding["values"] = {} if rssi is None else {"rssi": rssi}
        if not finding["ok"]:
            finding["said"] = "no network" if rssi is None else "%d dBm is weaker than %d dBm" % (rssi, lowest)
            finding["check"] = "Is the antenna connected and in the open? Is there an access point nearer by?"
        findings.append(finding)
    return {"passed": all(finding["ok"] for finding in findings), "findings": findings}


async def _log(node: "Node", asked: "dict[str, Any]") -> "dict[str, Any]":
    after = asked.get("after", 0)
    crash = files.read("/crash.txt")
    told: "dict[str, Any]" = {"lines": node.journal.lines(after if isinstance(after, int) else 0)}
    if crash:
        told["crash"] = crash.decode()[-800:]
    return told


async def _config(node: "Node", asked: "dict[str, Any]") -> "dict[str, Any]":
    changed = []
    for key, path in (("node", "/node.json"), ("net", "/net.json")):
        if key in asked:
            told = asked[key]
            problems = (config.check(told, node.identity.board) if key == "node" else config.check_net(told))[1]
            if problems:
                raise Unanswerable("%s %s" % problems[0], tuple(problems))
            changed.append((path, json.dumps(asked[key])))
    if not changed:
        path = trial.OLD if asked.get("which") == "previous" else "/node.json"
        return {"node": files.read_json(path) or {}, "trial": trial.on_trial()}
    trial_s: "Any" = asked.get("trial_s", trial.TRIAL_S)
    if not isinstance(trial_s, int) or not trial.SHORTEST_S <= trial_s <= trial.LONGEST_S:
        raise Unanswerable("trial_s must be a whole number from %d to %d" % (trial.SHORTEST_S, trial.LONGEST_S))
    trial.set_limit(trial_s)
    for path, text in changed:
        files.write(path, text)
    node.restart("new settings")
    return {"trial_s": trial_s}


async def _enrol(node: "Node", asked: "dict[str, Any]") -> "dict[str, Any]":
    net: "Any" = asked.get("net")
    problems = config.check_net(net)[1]
    if problems:
        raise Unanswerable("net.%s %s" % problems[0], tuple(problems))
    try:
        ca = binascii.a2b_base64(asked.get("ca") or "")
    except (ValueError, TypeError):
        ca = b"?"
    if ca and ca[0] != 0x30:
        raise Unanswerable("ca must be a certificate, base64 of DER")
    identity.enrol(net, ca)
    kept = files.read_json("/net.json") or {}
    mark = binascii.hexlify(hashlib.sha256(b"sluis node key\0" + kept.get("password", "").encode()).digest())
    node.restart("enrolled")
    return {"fingerprint": mark.decode()[:16]}


async def _wipe(node: "Node", asked: "dict[str, Any]") -> "dict[str, Any]":
    node.withdraw()
    node.restart("wiped", identity.wipe)
    return {}


async def _update(node: "Node", asked: "dict[str, Any]") -> "dict[str, Any]":
    if "rules" in asked:
        wrong = carrier.check_rules(asked["rules"])
        if wrong:
            raise Unanswerable(wrong)
        files.write(carrier.RULES, json.dumps(asked["rules"]))
    updater = node.carrier.updater
    if isinstance(asked.get("trust"), str):
        await updater.trusted(asked["trust"])
    if not isinstance(asked.get("release"), str):
        return updater.about()
    node.carrier.hurry = asked.get("now") is True
    return await updater.offered(asked["release"])


async def _undo(node: "Node", asked: "dict[str, Any]") -> "dict[str, Any]":
    node.carrier.hurry = asked.get("now") is True
    return await node.carrier.updater.back()


async def _drop(node: "Node", asked: "dict[str, Any]") -> "dict[str, Any]":
    node.carrier.updater.drop()
    return {}


async def _page(node: "Node", asked: "dict[str, Any]") -> "dict[str, Any]":
    return {"page": files.read_json(page.PAGE)}


async def _about(node: "Node", asked: "dict[str, Any]") -> "dict[str, Any]":
    return {
        "id": node.identity.id,
        "name": node.card.name,
        "board": node.card.board,
        "firmware": VERSION,
        "does": announce.DOES,
        "way": node.way.name,
        "up": node.client is not None and node.client.up,
        "trouble": node.trouble(),
        "safe_mode": node.safe_mode,
        "wrong": node.identity.wrong,
    }


_ANSWERS = {
    "identify": _identify,
    "restart": _restart,
    "test": _test,
    "log": _log,
    "config": _config,
    "wipe": _wipe,
    "update": _update,
    "undo": _undo,
    "drop": _drop,
    "page": _page,
    "about": _about,
}
