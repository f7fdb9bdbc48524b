"""A board that already runs MicroPython: files put on it through its REPL.

A file is written under another name, read back by the board itself (SHA-256 of what its flash gives), and only then
renamed: at any moment the board has the old file or the new one. Files that are right already are left alone, so an
interrupted run is carried on by running it again.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

from sluis.model import ProvisionError
from sluis_provision.flashers.console import APPEARS_S, greet, raw, who
from sluis_provision.flashers.kinds import BoardFound, Part, Progress, no_part_sure, nothing_said
from sluis_provision.flashers.port import Port, opened
from sluis_provision.flashers.problem import BoardFull, BoardRefused, NoRepl, NotVerified, WrongImage
from sluis_provision.flashers.rawrepl import RawRepl

PIECE = 1024
"""Bytes of a file in one program. A Pico W has some 190 kB of heap and takes ten times this; a board that runs short
(old, small) still takes this. Smaller pieces cost a round trip each."""
BESIDE = ".part"
"""Ending of a file that is being written. One that an unplugging left is written over by the next run."""
HELPERS = """
import os, hashlib, binascii
def _h(n):
    try: f = open(n, 'rb')
    except OSError: return ''
    h = hashlib.sha256(); b = bytearray(1024); m = memoryview(b)
    try:
        while True:
            k = f.readinto(b)
            if not k: break
            h.update(m[:k])
    finally:
        f.close()
    return binascii.hexlify(h.digest()).decode()
def _d(n):
    p = ''
    for s in n.split('/')[1:-1]:
        p += '/' + s
        try: os.mkdir(p)
        except OSError as e:
            if e.args[0] != 17: raise
def _r(n):
    try: os.remove(n)
    except OSError: pass
def _m(a, b):
    try: os.rename(a, b)
    except OSError:
        os.remove(b); os.rename(a, b)
    if hasattr(os, 'sync'): os.sync()
"""
ERASE = """
import os, vfs, sys
try:
    import rp2
    d = rp2.Flash()
except (ImportError, AttributeError):
    try:
        from flashbdev import bdev as d
    except ImportError:
        import esp32
        d = esp32.Flash()
vfs.umount('/')
vfs.VfsLfs2.mkfs(d, progsize=256)
vfs.mount(vfs.VfsLfs2(d, progsize=256), '/')
os.chdir('/')
"""


class Repl:
    """One board with MicroPython on one port."""

    kind = "repl"

    def __init__(self, port: str, *, appears_s: float = APPEARS_S) -> None:
        self.port = port
        self._appears_s = appears_s

    async def probe(self) -> BoardFound:
        async with self._raw() as repl:
            return await who(repl)

    async def enter_loader(self) -> None:
        """Its prompt is all that is needed."""
        async with self._raw():
            return

    async def erase(self) -> None:
        """Make its file system anew."""
        async with self._raw() as repl:
            await repl.run(ERASE)

    async def write(
        self,
        parts: Sequence[Part],
        progress: Progress = nothing_said,
        sure: Callable[[Part], None] = no_part_sure,
    ) -> None:
        for part in parts:
            if not part.file.startswith("/") or ".." in part.file.split("/"):
                raise WrongImage(f"{part.name} has no place among a board's files")
        total = sum(len(part.content) for part in parts)
        done = 0
        async with self._raw() as repl:
            await _helped(repl)
            right = await self._hashes(repl, parts)
            await self._room(repl, [part for part in parts if right[part.file] != part.sha256])
            for part in parts:
                if right[part.file] != part.sha256:
                    await self._file(repl, part, partial(_further, progress, done, total))
                done += len(part.content)
                progress(done, total)
                sure(part)

    async def verify(self, parts: Sequence[Part]) -> tuple[Part, ...]:
        async with self._raw() as repl:
            await _helped(repl)
            there = await self._hashes(repl, parts)
        return tuple(part for part in parts if there[part.file] != part.sha256)

    async def boot(self) -> BoardFound:
        """Start anew, ask, and let it run."""
        async with opened(self.port) as port:
            repl = RawRepl(port)
            await repl.enter()
            await repl.restart()
        return await greet(self.port, self._appears_s)

    @asynccontextmanager
    async def console(self) -> AsyncIterator[Port]:
        async with opened(self.port) as port:
            yield port

    def _raw(self) -> AbstractAsyncContextManager[RawRepl]:
        return raw(self.port, self._appears_s)

    async def _hashes(self, repl: RawRepl, parts: Sequence[Part]) -> dict[str, str]:
        """File -> SHA-256 of what the board holds, "" where it has none."""
        found = {}
        for part in parts:
            said = (await repl.run(f"print(_h({part.file!r}))")).strip()
            if said and len(said) != 64:
                raise NoRepl(f"the board answers {said[:40]!r} when asked for a hash")
            found[part.file] = said
        return found

    async def _room(self, repl: RawRepl, parts: Sequence[Part]) -> None:
        """BoardFull before the first byte, when what is missing cannot fit. What a cut-off run left is cleared away."""
        beside = [part.file + BESIDE for part in parts]
        await repl.run(f"for _n in {beside!r}: _r(_n)")
        said = await repl.run("import json; _v = os.statvfs('/'); print(json.dumps(_v[0] * _v[3]))")
        try:
            free = int(json.loads(said))
        except (ValueError, TypeError) as error:
            raise NoRepl(f"the board answers {said[:40]!r} when asked for its room") from error
        for part in parts:
            if len(part.content) > free:
                raise BoardFull(f"{part.file} needs {len(part.content)} bytes; the board has {free} free")

    async def _file(self, repl: RawRepl, part: Part, progress: Callable[[int], None]) -> None:
        beside = part.file + BESIDE
        try:
            await repl.run(f"_d({part.file!r}); _f = open({beside!r}, 'wb'); _w = _f.write")
            for start in range(0, len(part.content), PIECE):
                await repl.run(f"_n = _w({_literal(part.content[start : start + PIECE])})")
                progress(min(start + PIECE, len(part.content)))
            said = await repl.run(f"_f.close(); print(_h({beside!r}))")
        except (BoardFull, BoardRefused):
            await self._clear(repl, beside)
            raise
        if said.strip() != part.sha256:
            await self._clear(repl, beside)
            raise NotVerified(f"{part.file} reads back differently from what was written")
        await repl.run(f"_m({beside!r}, {part.file!r})")

    async def _clear(self, repl: RawRepl, beside: str) -> None:
        """Take away what did not become a file. The board may be past that too; then the next run does it."""
        try:
            await repl.run(f"_f.close()\n_r({beside!r})")
        except ProvisionError:
            return


async def _helped(repl: RawRepl) -> None:
    """Our few functions, on the board. BoardRefused where its MicroPython has not what they need."""
    try:
        await repl.run(HELPERS)
    except BoardRefused as error:
        raise BoardRefused(
            f"its MicroPython is too old or too small to take files ({error})",
            hint="Give the board a MicroPython of 1.20 or later, or use another board: sluis bundle images",
        ) from error


def _further(progress: Progress, before: int, total: int, here: int) -> None:
    progress(before + here, total)


def _literal(data: bytes) -> str:
    """Bytes as the shorter of two expressions the board can read."""
    plain = repr(data)
    packed = f"binascii.a2b_base64({binascii.b2a_base64(data, newline=False)!r})"
    return plain if len(plain) <= len(packed) else packed
