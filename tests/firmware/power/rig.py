"""Runs on MicroPython: an update on littlefs whose power is cut at the N-th program or erase; for each N of a range.

    micropython rig.py PLAN

PLAN is JSON (see plan.py): what lies on the flash at first, the signed release, its files by hash, cuts and faults.
After each cut the node is powered again: it must boot, run one of both programs whole, and then finish the update.
Prints a line of JSON for each cut, and `end` with the number of operations that an update takes.

Nothing is written before the simulated flash is mounted at `/`: the unix port's own `/` is the host's.
"""

# ruff: noqa: PTH123, PTH208

import asyncio
import binascii
import json
import os
import sys

import machine  # noqa: F401  the unix port's, before its folder is out of sight
import vfs
from sluis_node import board, ed25519, files, page, release, slots, updates  # noqa: F401  all, while they can be found

BLOCK = 4096
PROG = 256


class Flash:
    """NOR flash: erasing makes ones of a block, programming zeros of bits. The power goes in operation `left`."""

    def __init__(self, blocks, bad):
        self.blocks = blocks
        self.data = bytearray(b"\xff" * (blocks * BLOCK))
        self.bad = bad
        self.left = -1
        self.dead = False
        self.count = 0

    def _operate(self):
        """Whether this is the operation in which the power goes."""
        if self.dead:
            raise OSError(5)
        self.count += 1
        self.left -= 1
        self.dead = self.left == 0
        return self.dead

    def readblocks(self, block, buffer, offset=0):
        if self.dead:
            raise OSError(5)
        at = block * BLOCK + offset
        buffer[:] = memoryview(self.data)[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        torn = self._operate()
        at = block * BLOCK + offset
        size = len(buffer) // 2 + 3 if torn else len(buffer)
        if block in self.bad:
            size = len(buffer) - 1  # its last byte stays as it was: littlefs finds that when it reads back
        for index in range(size):
            self.data[at + index] &= buffer[index]
        if torn:
            raise OSError(5)

    def ioctl(self, op, argument):
        if op == 4:
            return self.blocks
        if op == 5:
            return BLOCK
        if op == 6:
            torn = self._operate()
            size = BLOCK // 2 if torn else BLOCK
            at = argument * BLOCK
            self.data[at : at + size] = b"\xff" * size
            if torn:
                raise OSError(5)
            return 0
        return 0


class Board:
    """A node without a network: the loader, the program of the slot it chose, and the update's own code."""

    def __init__(self, flash, plan):
        self.flash = flash
        self.plan = plan

    def power_on(self):
        """What runs after a start: (version of the program, sequence of its slot). Fails when it is not whole."""
        vfs.mount(vfs.VfsLfs2(self.flash, progsize=PROG, readsize=PROG), "/")
        os.chdir("/")
        sys.path[:] = []
        for name in ("program", "part", "sluis_boot"):
            sys.modules.pop(name, None)
        with open("/boot.py") as file:
            exec(compile(file.read(), "boot.py", "exec"), {})
        self.boot = sys.modules["sluis_boot"]
        import program

        assert program.VERSION == program.part.VERSION, "a mixture runs"
        return program.VERSION

    def power_off(self):
        vfs.umount("/")

    async def _fetch(self, sha256, offset, size):
        if self.plan["ballast"]:
            with open("/ballast", "ab") as file:
                file.write(bytes(32768))
        return binascii.a2b_base64(self.plan["contents"][sha256])[offset : offset + size]

    async def live(self, healthy=True):
        """From a start to the next one, or until nothing is left to do. True for a restart."""
        restarts = []
        around = updates.Surroundings()
        around.boards = ("virtual",)
        around.restart = lambda why, last: restarts.append(last)
        updater = updates.Updater(self.boot, around, self._fetch)
        if updater.on_trial():
            keep = page.Keeper()
            keep("tries")
        await updater.resume()
        for _ in range(updates.TRIAL_S):
            updater.second(healthy)
        state = self.boot.state
        if not restarts and slots.sequence(state["run"]) < self.plan["sequence"] and healthy:
            if updater._offer is None:
                await updater.offered(self.plan["envelope"])
            await updater._carry_out(updater._offer)
            if updater.phase == "failed":
                raise OSError(updater.reason)
        for last in restarts:
            last()
        return bool(restarts)

    def settle(self):
        """Until the new version runs confirmed, starting again as often as it takes."""
        for _ in range(6):
            again = asyncio.run(self.live())
            if not again:
                return
            self.power_off()
            self.power_on()
        raise AssertionError("it does not come to rest")


def first_flash(plan):
    flash = Flash(plan["blocks"], plan["bad"])
    vfs.VfsLfs2.mkfs(flash, progsize=PROG, readsize=PROG)
    vfs.mount(vfs.VfsLfs2(flash, progsize=PROG, readsize=PROG), "/")
    assert "etc" not in os.listdir("/")
    for path, content in plan["files"].items():
        slots._folders(path)
        with open(path, "wb") as file:
            file.write(binascii.a2b_base64(content))
    vfs.umount("/")
    return flash


def cut(flash, image, plan, number):
    """One update with the power cut at its N-th operation."""
    flash.data[:] = image
    flash.left, flash.dead, flash.count = number, False, 0
    node = Board(flash, plan)
    was_cut = False
    try:
        node.power_on()
        node.settle()
    except OSError:
        if not flash.dead:
            raise
        was_cut = True
    took = flash.count
    try:
        vfs.umount("/")
    except OSError:
        pass
    flash.left, flash.dead = -1, False
    found = node.power_on()
    assert found in (plan["old"], plan["new"]), found
    whole = asyncio.run(slots.check_whole(node.boot.state["run"]))
    runs, trial = node.boot.state["run"], bool(node.boot.state.get("trial"))
    node.settle()
    state = node.boot.state
    assert plan["new"] == sys.modules["program"].VERSION and not state.get("trial")
    assert asyncio.run(slots.check_whole(state["run"])) == plan["sequence"]
    assert slots.floor(state) == plan["sequence"] and files.read_json(slots.FLOOR)["sequence"] == plan["sequence"]
    wanted = {entry["path"] for entry in slots.manifest(state["run"])["files"]} | {slots.SIGNED}
    assert set(slots.listed("/" + state["run"])) == wanted  # nothing that no manifest names
    assert files.read(slots.OFFER) is None
    vfs.umount("/")
    return {"cut": number, "was_cut": was_cut, "ran": found, "slot": runs, "trial": trial, "whole": whole, "took": took}


def refused(flash, plan):
    """An update that is not to happen: what it said, and what runs after the next start."""
    node = Board(flash, plan)
    node.power_on()
    before = sorted(slots.listed("/"))
    try:
        asyncio.run(node.live())
        said = ""
    except (release.Refused, OSError) as error:
        said = getattr(error, "code", "") or str(error)
    offer = files.read(slots.OFFER)
    left = [path for path in slots.listed("/") if path not in before]
    node.power_off()
    ran = node.power_on()
    whole = asyncio.run(slots.check_whole(node.boot.state["run"]))
    return {"said": said, "ran": ran, "whole": whole, "offer": offer is not None, "left": left}


def main():
    with open(sys.argv[1]) as file:
        plan = json.load(file)
    board.reset_cause  # noqa: B018  imported while the host's files are in sight
    vfs.umount("/")
    flash = first_flash(plan)
    if plan["refused"]:
        sys.stdout.write(json.dumps(refused(flash, plan)) + "\n")
        return
    image = bytes(flash.data)
    total = cut(flash, image, plan, -1)["took"]
    first, last, step = plan["cuts"]
    for number in range(first, min(last, total) + 1, step):
        sys.stdout.write(json.dumps(cut(flash, image, plan, number)) + "\n")
    sys.stdout.write(json.dumps({"end": total}) + "\n")


main()
