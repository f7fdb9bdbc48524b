"""Parts at simulated chips, on CPython and on MicroPython alike: `try_parts.py LIB UNIX CONFIG`, where the file
CONFIG holds {"config": ..., "board": ..., "set": [[point, value], ...]}. Prints what the factory test found, then
what was set, a line of JSON each. On CPython it makes up what only MicroPython has."""

import sys

if sys.implementation.name == "cpython":
    import asyncio
    import time
    import types

    class ThreadSafeFlag(asyncio.Event):
        async def wait(self):
            await super().wait()
            self.clear()

    sys.modules["umachine"] = types.ModuleType("umachine")
    time.ticks_ms = lambda: int(time.monotonic() * 1000)
    time.ticks_add = lambda ticks, more: ticks + more
    time.ticks_diff = lambda one, other: one - other
    asyncio.sleep_ms = lambda ms: asyncio.sleep(ms / 1000)
    asyncio.wait_for_ms = lambda work, ms: asyncio.wait_for(work, ms / 1000)
    asyncio.ThreadSafeFlag = ThreadSafeFlag

sys.path[:0] = sys.argv[1:3]

import asyncio  # noqa: E402
import json  # noqa: E402

import machine  # noqa: E402
from sluis_node import config, runner  # noqa: E402

with open(sys.argv[3]) as file:  # noqa: PTH123
    told = json.load(file)


def show(what):
    print(json.dumps(what))  # noqa: T201


async def main():
    settings, wrong = config.check(told["config"], told.get("board", ""))
    if wrong:
        raise ValueError(wrong)
    readings = {}
    trial = runner.Runner(settings, readings.update, lambda text: show({"note": text}))
    for finding in await trial.test():
        show(finding)
    for point, value in told.get("set", ()):
        try:
            await trial.write(point, value)
            show({"set": point, "now": readings.get(point), "pins": machine.world.driven})
        except ValueError as error:
            show({"set": point, "refused": str(error)})


asyncio.run(main())
