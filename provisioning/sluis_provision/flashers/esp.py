"""ESP32, -S2, -S3, -C3, ...: written by esptool, through the chip's own loader.

A call that fails for the wire's sake is repeated one speed lower, down to `BAUDS[-1]`; what the chip confirmed in the
calls before is not written again. Nothing is patched in the image (`keep`), so what is read back equals the file.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from sluis_provision.flashers.buttons import Buttons, buttons_of
from sluis_provision.flashers.console import greet
from sluis_provision.flashers.esptool import Failed, esptool, folder
from sluis_provision.flashers.esptool_says import Said, blame, chip_of
from sluis_provision.flashers.kinds import BoardFound, Part, Progress, no_part_sure, nothing_said
from sluis_provision.flashers.port import Port, has_lines, opened
from sluis_provision.flashers.problem import (
    BoardRefused,
    NoAnswer,
    NoRepl,
    NotStarted,
    NotVerified,
    PortUnusable,
    TooLarge,
    Unplugged,
    WrongChip,
    WrongImage,
)
from sluis_provision.images.esp import chip_of as chip_of_image
from sluis_provision.images.esp import version_of

BAUDS = (921600, 460800, 115200)
"""Every common USB adapter does the first over a short cable, and the last is what the chip's ROM itself speaks: when
that fails too, no speed is left and it is the cable."""
PADDING = 3
"""Bytes that esptool adds to fill a word."""
APPLICATION_AT = 0x10000
"""Where the application stands in every partition table of MicroPython."""


class Esp:
    """One chip of Espressif on one port."""

    kind = "esp"

    def __init__(self, port: str, *, buttons: Buttons | None = None, bauds: Sequence[int] = BAUDS) -> None:
        self.port = port
        self._buttons = buttons or buttons_of(port)
        self._lines = has_lines(port) and buttons is None
        self._bauds = list(bauds)
        self._found: BoardFound | None = None

    async def probe(self) -> BoardFound:
        await self.enter_loader()
        heard: dict[str, tuple[str, ...]] = {}
        async with folder() as place:
            await self._call(["flash-id"], place, lambda said: heard.update({said.kind: said.words}))
        if "chip" not in heard or "mac" not in heard:
            raise NoAnswer(f"the board on {self.port} did not say which chip it has")
        amount, unit = heard.get("size", ("0", "K"))
        self._found = BoardFound(
            chip=chip_of(heard["chip"][0]),
            uid=heard["mac"][0].replace(":", "").lower(),
            revision=heard["chip"][1],
            flash_bytes=int(amount) << (20 if unit == "M" else 10),
            version=await self._version(),
        )
        return self._found

    async def _version(self) -> str:
        """Of what is in flash."""
        try:
            return version_of(await self.read(APPLICATION_AT, 256))
        except BoardRefused:
            return ""

    async def read(self, at: int, size: int) -> bytes:
        """Bytes of its flash."""
        async with folder() as place:
            await self._call(["read-flash", str(at), str(size), "out.bin"], place)
            return (place / "out.bin").read_bytes()

    async def enter_loader(self) -> None:
        """By the lines, with each call of esptool; else by its buttons."""
        if not self._lines:
            await self._buttons.load()

    async def erase(self) -> None:
        async with folder() as place:
            await self._call(["erase-flash"], place)

    async def write(
        self,
        parts: Sequence[Part],
        progress: Progress = nothing_said,
        sure: Callable[[Part], None] = no_part_sure,
    ) -> None:
        found = self._found or await self.probe()
        for part in parts:
            _fits(part, found)
        left = list(parts)
        total = sum(len(part.content) for part in parts)

        def confirmed(part: Part) -> None:
            left.remove(part)
            sure(part)

        async def once(place: Path, baud: int) -> None:
            for part in left:
                (place / _file(part)).write_bytes(part.content)
            aims = [word for part in left for word in (hex(part.at), _file(part))]
            ear = _Writing(left, total, progress, confirmed)
            keep = ["--flash-mode", "keep", "--flash-freq", "keep", "--flash-size", "keep"]
            await self._esptool(["write-flash", *keep, *aims], place, ear.hear, baud)

        async with folder() as place:
            await self._laddered(once, place)

    async def verify(self, parts: Sequence[Part]) -> tuple[Part, ...]:
        """By digests that the chip works out over its flash."""
        wrong: dict[int, bool] = {}
        at: list[int] = []

        def hear(said: Said) -> None:
            if said.kind == "checks":
                at.append(int(said.words[0], 16))
            elif said.kind in ("same", "differs") and at:
                wrong[at[-1]] = said.kind == "differs"

        async with folder() as place:
            for part in parts:
                (place / _file(part)).write_bytes(part.content)
            aims = [word for part in parts for word in (hex(part.at), _file(part))]
            try:
                await self._call(["verify-flash", *aims], place, hear)
            except NotVerified:
                pass
        return tuple(part for part in parts if wrong.get(part.at, True))

    async def boot(self) -> BoardFound:
        """Reset it and ask MicroPython."""
        if self._lines:
            async with folder() as place:
                await self._call(["--after", "hard-reset", "--no-stub", "chip-id"], place, after="")
        else:
            await self._buttons.boot()
        told = await self._greeted()
        before = self._found or told
        return BoardFound(before.chip, before.uid, before.revision, before.flash_bytes, told.version)

    async def _greeted(self) -> BoardFound:
        try:
            return await greet(self.port)
        except NoRepl as error:
            if self._lines:
                raise
            raise NotStarted(
                f"{self.port} has no line that resets the board, and the board does not start by itself",
                hint="It is written and verified: press its RESET.",
            ) from error

    @asynccontextmanager
    async def console(self) -> AsyncIterator[Port]:
        async with opened(self.port) as port:
            yield port

    async def _call(
        self,
        command: Sequence[str],
        place: Path,
        heard: Callable[[Said], None] = lambda _said: None,
        after: str = "no-reset",
    ) -> None:
        async def once(place: Path, baud: int) -> None:
            await self._esptool(command, place, heard, baud, after)

        await self._laddered(once, place)

    async def _laddered(self, once: Callable[[Path, int], Awaitable[None]], place: Path) -> None:
        """Try at each speed that is left. The speed that worked is kept for the next call."""
        while True:
            try:
                await once(place, self._bauds[0])
                return
            except NoAnswer:
                if len(self._bauds) == 1:
                    raise
                del self._bauds[0]
                await self.enter_loader()

    async def _esptool(
        self, command: Sequence[str], place: Path, heard: Callable[[Said], None], baud: int, after: str = "no-reset"
    ) -> None:
        before = "default-reset" if self._lines else "no-reset"
        words = ["--port", self.port, "--baud", str(baud), "--before", before]
        words += ["--after", after] if after else []
        try:
            await esptool([*words, *command], place, heard)
        except Failed as error:
            raise self._meaning(str(error), baud) from error

    def _meaning(self, words: str, baud: int) -> Exception:
        """What a failure of esptool is for a person."""
        whose = blame(words)
        if whose == "gone" or ("://" not in self.port and not Path(self.port).exists()):
            return Unplugged(f"the board on {self.port} was unplugged")
        if whose == "cable":
            return NoAnswer(f"no good answer on {self.port} at {baud} baud ({words})")
        if whose == "port":
            return PortUnusable(f"{self.port} cannot be used ({words})")
        if whose == "verify":
            return NotVerified(f"the flash of the board on {self.port} does not hold what was written ({words})")
        if whose == "chip":
            return WrongChip(f"the board on {self.port} has another chip ({words})")
        return BoardRefused(f"esptool could not do it on {self.port}: {words}")


class _Writing:
    """Follows one call of write-flash: where it is, and what is certain."""

    def __init__(
        self, parts: Sequence[Part], total: int, progress: Progress, confirmed: Callable[[Part], None]
    ) -> None:
        self._parts = list(parts)
        self._total = total
        self._done = total - sum(len(part.content) for part in parts)
        self._progress = progress
        self._confirmed = confirmed
        self._wrote: Part | None = None
        progress(self._done, total)

    def hear(self, said: Said) -> None:
        """esptool names the file it begins with only where it has several; the addresses are always told."""
        if said.kind == "percent":
            reached = int(said.words[0], 16)
            part = next((one for one in self._parts if one.at < reached <= one.end + PADDING), None)
            if part is not None:
                here = int(float(said.words[1]) / 100 * len(part.content))
                self._progress(self._done + here, self._total)
        elif said.kind == "wrote":
            self._wrote = next((one for one in self._parts if one.at == int(said.words[0], 16)), None)
        elif said.kind == "sure" and self._wrote is not None:
            self._done += len(self._wrote.content)
            self._progress(self._done, self._total)
            self._confirmed(self._wrote)
            self._wrote = None


def _file(part: Part) -> str:
    return f"{part.at:08x}.bin"


def _fits(part: Part, found: BoardFound) -> None:
    """WrongImage or TooLarge, before a byte is written."""
    made_for = chip_of_image(part.content)
    if made_for and made_for != found.chip:
        raise WrongImage(f"{part.name} is made for {made_for}; the board has an {found.chip}")
    if found.flash_bytes and part.end > found.flash_bytes:
        raise TooLarge(f"{part.name} ends at {part.end >> 10} KiB; the board's flash has {found.flash_bytes >> 10} KiB")
