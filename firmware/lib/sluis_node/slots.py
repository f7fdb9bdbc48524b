"""The two slots of a node, on flash: fill the one that does not run, check it, switch. Knows no network.

A power cut at any moment leaves the running slot as it was. The other one counts only when it is whole: its files are
those of its `@signed`, the signed manifest, which is written last. While it is filled it has a mark, `@staging`, so
that half a slot is not taken for one that was filled by cable and has no manifest.
"""

import asyncio
import binascii
import hashlib
import json
import os

from sluis_node import files
from sluis_node.refused import Refused

try:
    from typing import Any, Awaitable, Callable
except ImportError:  # a node has no typing
    pass

SLOT, FLOOR, TRUST, OFFER = "/slot.json", "/floor.json", "/trust.json", "/offer.json"
SIGNED, STAGING, PART = "@signed", "@staging", "@part-"

PIECE = 1024
"""Bytes that are asked for, copied and hashed at once."""

KEEP_EVERY = 4096
"""A download is written through this often: what a power cut can cost. One block of flash."""

SPARE_BLOCKS = 6
"""Left free beside the files: littlefs writes before it frees, and needs two blocks for each folder."""

INLINE_MAX = 512
"""Smaller files lie in their folder's own block, and removing them frees nothing."""

TRIES_MAX = 3
"""For one file. Then it is not the line: who sends it does not have it."""

FOLDER = 0x4000


def other(slot: str) -> str:
    return "a" if slot == "b" else "b"


def trust() -> "dict[str, Any] | None":
    """Whom this node trusts; None when nobody was ever named: then it takes no update."""
    from sluis_node import release  # large, and only needed while there is something to check

    data = files.read(TRUST)
    return None if data is None else release.read_trust(data)


def manifest(slot: str) -> "dict[str, Any] | None":
    """What a slot came with; None when it was filled by cable. Who signed it was checked when it was written."""
    told = files.read_json("/%s/%s" % (slot, SIGNED))
    if told is None:
        return None
    return json.loads(binascii.a2b_base64(told["manifest"]))


def sequence(slot: str) -> int:
    told = manifest(slot)
    return 0 if told is None else told["sequence"]


def floor(state: "dict[str, Any]") -> int:
    """The highest sequence that was ever confirmed. What runs without being on trial was."""
    kept = files.read_json(FLOOR)
    height = kept["sequence"] if isinstance(kept, dict) else 0
    return height if state.get("trial") else max(height, sequence(state["run"]))


def raise_floor(state: "dict[str, Any]") -> None:
    """Keep the floor in its file, as the running slot may be switched away from."""
    height = floor(state)
    if (files.read_json(FLOOR) or {}).get("sequence", 0) < height:
        files.write(FLOOR, json.dumps({"sequence": height}))


# -- looking ----------------------------------------------------------------------------------------------


async def hash_of(path: str) -> "str | None":
    """SHA-256, in hex, of what flash really holds; None when there is no such file."""
    digest = hashlib.sha256()
    piece = bytearray(PIECE)
    view = memoryview(piece)
    try:
        with open(path, "rb") as file:  # noqa: ASYNC230 - flash does not wait
            while True:
                got = file.readinto(piece)
                if not got:
                    break
                digest.update(view[:got])
                await asyncio.sleep_ms(0)
    except OSError:
        return None
    return binascii.hexlify(digest.digest()).decode()


async def holds(slot: str, entry: "dict[str, Any]") -> bool:
    """Whether a file of a slot is what the manifest says."""
    path = "/%s/%s" % (slot, entry["path"])
    return size_of(path) == entry["size"] and await hash_of(path) == entry["sha256"]


def size_of(path: str) -> "int | None":
    try:
        about = os.stat(path)
    except OSError:
        return None
    return None if about[0] & FOLDER else about[6]


def listed(folder: str) -> "list[str]":
    """All files below a folder, by their paths from there."""
    found = []
    try:
        for about in os.ilistdir(folder):
            if about[1] & FOLDER:
                found += ["%s/%s" % (about[0], path) for path in listed("%s/%s" % (folder, about[0]))]
            else:
                found.append(about[0])
    except OSError:
        pass
    return found


async def check_whole(slot: str) -> int:
    """The sequence of a slot that may run. Refused when it is not whole, or nobody trusted signed it."""
    from sluis_node import release

    folder = "/" + slot
    signed = files.read("%s/%s" % (folder, SIGNED))
    if signed is None:
        if size_of(folder + "/" + STAGING) is None and size_of(folder + "/sluis_node/app.mpy") is not None:
            return 0
        raise Refused("bundle.damaged", "slot %s holds nothing whole" % slot)
    trusted = trust()
    if trusted is None:
        raise Refused("bundle.untrusted", "this node trusts nobody: %s is missing" % TRUST)
    told = release.read_manifest(await release.opened(signed, "manifest", trusted))
    for entry in told["files"]:
        if not await holds(slot, entry):
            raise Refused("bundle.damaged", "%s in slot %s is not what was released" % (entry["path"], slot))
    return told["sequence"]


def check_space(slot: str, told: "dict[str, Any]") -> None:
    """Refused when the files do not fit into a slot, beside all that is not in it."""
    about = os.statvfs("/")
    # littlefs counts blocks that are shared twice, and on a full flash comes below nothing, which wraps.
    block, free = about[0], about[3] if about[3] <= about[2] else 0
    for path in listed("/" + slot):
        size = size_of("/%s/%s" % (slot, path)) or 0
        if size > INLINE_MAX:
            free += -(-size // block)
    need = SPARE_BLOCKS + sum(-(-entry["size"] // block) for entry in told["files"])
    if need > free:
        text = "%s needs %d kB of flash, and there are %d" % (
            told["version"],
            need * block // 1024,
            free * block // 1024,
        )
        raise Refused("bundle.space", text)


# -- filling ----------------------------------------------------------------------------------------------


async def stage(
    run: str,
    signed: "bytes | str",
    told: "dict[str, Any]",
    fetch: "Callable[[str, int, int], Awaitable[bytes]]",
    tell: "Callable[[int, int], None]",
) -> None:
    """Make the other slot what the manifest says, from wherever it was left.

    `fetch(sha256, offset, size)` gives 1 to `size` bytes of a file; `tell(done, total)` hears of bytes.
    """
    slot = other(run)
    folder = "/" + slot
    check_space(slot, told)
    _folders(folder + "/" + STAGING)
    if size_of(folder + "/" + STAGING) is None:
        files.write(folder + "/" + STAGING, "")
    files.remove(folder + "/" + SIGNED)
    wanted = {entry["path"]: entry for entry in told["files"]}
    parts = [PART + entry["sha256"][:16] for entry in told["files"]]
    for path in listed(folder):
        if path not in wanted and path not in parts and path != STAGING:
            os.remove(folder + "/" + path)
    done, total = 0, sum(entry["size"] for entry in told["files"])
    for entry in told["files"]:
        if not await holds(slot, entry):
            files.remove("%s/%s" % (folder, entry["path"]))
            if await holds(run, entry):
                await _copy("/%s/%s" % (run, entry["path"]), folder + "/" + PART + entry["sha256"][:16])
            await _complete(folder, entry, fetch, _after(done, total, tell))
        done += entry["size"]
        tell(done, total)
    for path in listed(folder):
        if path not in wanted and path != STAGING:
            os.remove(folder + "/" + path)
    files.write(folder + "/" + SIGNED, signed)
    await check_whole(slot)
    files.remove(folder + "/" + STAGING)


def _after(done: int, total: int, tell: "Callable[[int, int], None]") -> "Callable[[int], None]":
    return lambda got: tell(done + got, total)


async def _complete(
    folder: str,
    entry: "dict[str, Any]",
    fetch: "Callable[[str, int, int], Awaitable[bytes]]",
    tell: "Callable[[int], None]",
) -> None:
    """Fetch what a file still lacks, read it back, and put it in its place."""
    part = folder + "/" + PART + entry["sha256"][:16]
    for _ in range(TRIES_MAX):
        if (size_of(part) or 0) > entry["size"]:
            files.remove(part)
        await _fetch(part, entry, fetch, tell)
        if await hash_of(part) == entry["sha256"]:
            path = folder + "/" + entry["path"]
            _folders(path)
            os.rename(part, path)
            return
        files.remove(part)
    raise Refused("bundle.damaged", "%s came %d times as another file" % (entry["path"], TRIES_MAX))


async def _fetch(
    part: str,
    entry: "dict[str, Any]",
    fetch: "Callable[[str, int, int], Awaitable[bytes]]",
    tell: "Callable[[int], None]",
) -> None:
    have = size_of(part) or 0
    with open(part, "ab") as file:  # noqa: ASYNC230
        kept = have
        while have < entry["size"]:
            piece = await fetch(entry["sha256"], have, min(PIECE, entry["size"] - have))
            file.write(piece)
            have += len(piece)
            if have - kept >= KEEP_EVERY:
                file.flush()
                kept = have
            tell(have)


async def _copy(source: str, target: str) -> None:
    piece = bytearray(PIECE)
    view = memoryview(piece)
    with open(source, "rb") as old, open(target, "wb") as new:  # noqa: ASYNC230
        while True:
            got = old.readinto(piece)
            if not got:
                return
            new.write(view[:got])
            await asyncio.sleep_ms(0)


def _folders(path: str) -> None:
    """Make the folders that a file lies in."""
    for at in range(1, len(path)):
        if path[at] == "/":
            try:
                os.mkdir(path[:at])
            except OSError:  # it is there
                pass


# -- switching --------------------------------------------------------------------------------------------


def switch(run: str, faults: "list[str]") -> None:
    """The other slot runs from the next start on, on trial. `faults`: parts that do not work already now."""
    told = {"run": other(run), "old": run, "trial": 1, "tries": 0, "boots": 0, "faults": faults}
    files.write(SLOT, json.dumps(told))


def give_up(state: "dict[str, Any]") -> None:
    """The slot from before runs from the next start on: what `/boot.py` does by itself when a trial dies twice."""
    files.write(SLOT, json.dumps({"run": state["old"], "back": state["run"], "boots": 0}))
