"""Replays the golden vectors, on CPython and on MicroPython alike. Prints what differs, then how many there were."""

import json
import sys


def packets(case):
    from sluis_node import packets

    made = getattr(packets, case["make"])(*[_bytes(each) for each in case["with"]])
    return bytes(made).hex() if not isinstance(made, tuple) and made is not None else made and list(made)


def _bytes(value):
    if isinstance(value, dict):
        return bytes.fromhex(value["hex"])
    return tuple(_bytes(each) for each in value) if isinstance(value, list) else value


def config(case):
    from sluis_node import config

    settings, wrong = config.check(case["told"], case.get("board", ""))
    return sorted([list(each) for each in wrong]) if wrong else settings["parts"]


def part(case):
    """A formula of a part's file, or of the I2C parts' own."""
    name = case["of"]
    module = __import__("sluis_node." + name, None, None, ("",))
    found = getattr(module, case["make"])(*[_bytes(each) for each in case["with"]])
    return [round(each, 4) for each in found] if isinstance(found, tuple) else found


def net(case):
    from sluis_node import config

    return sorted([list(each) for each in config.check_net(case["told"])[1]])


def telemetry(case):
    from sluis_node import telemetry

    return json.loads(telemetry.message("b0", case["seq"], case["at_ms"], case["values"]))


def announce(case):
    from sluis_node import announce, config, runner

    settings, wrong = config.check(case["told"])
    assert not wrong, wrong
    points = announce.health_points(60, True, True)
    points.update(runner.Runner(settings, print, print).points())
    card = announce.Card("e66118604b4a2c21", settings["name"], "rpi-pico-w", "", "1.0.0")
    made = {name: list(getattr(announce, name)(card, points)) for name in ("sluis", "home_assistant")}
    return {name: json.loads(b"".join(pieces)) for name, pieces in made.items()}


def clock(case):
    from sluis_node import clock

    return clock.read_answer(bytes.fromhex(case["answer"]), bytes.fromhex(case["mark"]))


def improv_packet(case):
    from sluis_node import improv

    return improv.packet(case["type"], bytes.fromhex(case["data"])).hex()


def improv_summed(case):
    from sluis_node import improv

    return improv.summed(bytes.fromhex(case["data"])).hex()


def improv_result(case):
    from sluis_node import improv

    return improv.result(case["asked"], case["texts"]).hex()


def improv_strings(case):
    from sluis_node import improv

    try:
        return improv.read_strings(bytes.fromhex(case["data"]))
    except ValueError:  # what is no UTF-8 is one, too
        return "ValueError"


def improv_advertisement(case):
    from sluis_node import improv_ble

    return improv_ble.advertisement(case["state"]).hex()


def improv_split(case):
    from sluis_node import cable

    splitter = cable.Splitter()
    heard = bytes.fromhex(case["heard"])
    found = [splitter.take(byte, at in case["paused"]) for at, byte in enumerate(heard)]
    return [[each[0], each[1].hex()] for each in found if each is not None]


KINDS = {
    "improv_packet": improv_packet,
    "improv_summed": improv_summed,
    "improv_result": improv_result,
    "improv_strings": improv_strings,
    "improv_advertisement": improv_advertisement,
    "improv_split": improv_split,
    "packets": packets,
    "config": config,
    "part": part,
    "net": net,
    "telemetry": telemetry,
    "announce": announce,
    "clock": clock,
}


def replay(lines, write=None):
    """Cases whose outcome differs; with `write`, those outcomes become the expected ones."""
    wrong = []
    for line in lines:
        case = json.loads(line)
        case_expects = case.get("expects")
        found = json.loads(json.dumps(KINDS[case["kind"]](case)))
        if found != case_expects:
            wrong.append((case["name"], found))
        if write is not None:
            case["expects"] = found
            write(json.dumps(case))
    return wrong


if __name__ == "__main__" and len(sys.argv) > 1:
    with open(sys.argv[1]) as file:  # noqa: PTH123
        told = [line for line in file if line.strip()]
    for name, found in replay(told):
        print(name, json.dumps(found))  # noqa: T201
    print("replayed", len(told))  # noqa: T201
