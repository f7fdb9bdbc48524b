"""The CEC link's layouts held against the kernel's header, and what it says where there is no adapter."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sluis.links.cec import CecLink, CecSettings, adapter
from sluis.model import LinkError
from sluis.runtime import SystemClock

Eventually = Callable[..., Awaitable[None]]
HEADER = Path("/usr/include/linux/cec.h")

WITNESS = Path(__file__).with_name("witness.c")


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a C compiler makes of the kernel's own header."""
    if not HEADER.exists() or shutil.which("cc") is None:
        pytest.skip("no C compiler, or no kernel headers (linux-libc-dev)")
    folder = tmp_path_factory.mktemp("cec")
    subprocess.run(["cc", "-o", str(folder / "witness"), str(WITNESS)], check=True)
    return subprocess.run([str(folder / "witness")], check=True, capture_output=True, text=True).stdout.splitlines()


def test_the_numbers_of_the_calls_are_the_kernels(witness: list[str]) -> None:
    ours = (
        adapter.G_CAPS, adapter.G_PHYS_ADDR, adapter.G_LOG_ADDRS, adapter.S_LOG_ADDRS, adapter.TRANSMIT,
        adapter.RECEIVE, adapter.DQEVENT, adapter.S_MODE,
    )  # fmt: skip
    assert " ".join(map(str, ours)) == witness[0]


def test_a_message_lies_in_memory_as_the_kernel_has_it(witness: list[str]) -> None:
    assert adapter.packed(b"\x40\x8f", 0x90, 900).hex() == witness[1]
    message = adapter.unpacked(bytes.fromhex(witness[2]))
    assert (message.data, message.sequence) == (b"\x04\x90\x01", 7)
    assert (message.tx_status, message.rx_status) == (adapter.TX_OK, adapter.RX_OK)
    assert (message.sender, message.is_broadcast) == (0, False)


def test_our_name_and_address_lie_in_memory_as_the_kernel_has_them(witness: list[str]) -> None:
    assert adapter.claim("Sluis").hex() == witness[3]
    ours = adapter.EVENT.size, 16, adapter.CAPS.size, adapter.INITIATOR_AND_FOLLOWER
    assert " ".join(map(str, ours)) == witness[4]


@pytest.mark.parametrize("data", [b"", bytes(17)])
def test_a_message_has_one_to_sixteen_bytes(data: bytes) -> None:
    with pytest.raises(ValueError, match="1 to 16"):
        adapter.packed(data)


async def _running(device: str) -> tuple[CecLink, asyncio.Task[None]]:
    link = CecLink(CecSettings("tv", device), SystemClock())
    return link, asyncio.ensure_future(link.run())


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_no_adapter_is_a_clear_state(tmp_path: Path, eventually: Eventually) -> None:
    device = tmp_path / "cec0"
    link, task = await _running(str(device))
    await eventually(lambda: link.health().reason == f"there is no {device}")
    with pytest.raises(LinkError, match=r"tv is down: there is no"):
        await link.request(b"\x8f", to="tv/0")
    device.touch()
    await eventually(lambda: "Inappropriate ioctl" in link.health().reason)
    assert not task.done()
    await _stop(task)
    assert link.health().reason == "stopped"


async def test_what_cannot_be_asked_or_reached_is_said() -> None:
    link = CecLink(CecSettings("tv"), SystemClock())
    for data, to, problem in ((b"\x8f", "tv/16", "no CEC address"), (b"\x04", "tv/0", "no message answers 04")):
        with pytest.raises(LinkError, match=problem):
            await link.request(data, to=to)


@pytest.mark.parametrize(
    ("name", "osd_name"), [("", "Sluis"), ("a/b", "Sluis"), ("tv", ""), ("tv", "x" * 15), ("tv", "é")]
)
def test_settings_that_cannot_be(name: str, osd_name: str) -> None:
    with pytest.raises(ValueError, match=r"name"):
        CecSettings(name, osd_name=osd_name)
