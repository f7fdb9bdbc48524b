"""What passes over a link, written down until somebody stops it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluis.app.recordings import Recordings
from sluis.links.loop import WAITING, LoopLink
from sluis.links.recording import frames_of
from sluis.model import Frame, LinkError, NotFound
from sluis.runtime import ManualClock


class Air(LoopLink):
    """A link without a transport: the test is what it hears."""

    kind = "ble"

    def hear(self, data: bytes, asked: bytes = b"") -> Frame:
        return self._deliver("AA:BB", data, asked=asked, rssi_dbm=-60)

    def be(self, up: bool, reason: str = "") -> None:
        if up:
            self._came_up()
        else:
            self._went_down(reason)


async def test_a_recording_holds_all_that_passed_and_replays_to_the_same_frames(tmp_path: Path) -> None:
    clock = ManualClock()
    link = Air("air", clock)
    recordings = Recordings(tmp_path / "recordings", {"air": link}, clock.stamp)
    assert recordings.file_of("air") == ""
    file = recordings.start("air")
    assert recordings.start("air") == file == recordings.file_of("air")
    heard = [link.hear(b"\x01\xff", b"?"), link.hear(b"text")]
    assert recordings.stop("air") == file
    link.hear(b"later")
    again = list(frames_of(Path(file).read_text().splitlines(), "air"))
    assert [(one.source, one.data, one.asked, one.rssi_dbm) for one in again] == [
        (one.source, one.data, one.asked, one.rssi_dbm) for one in heard
    ]
    assert recordings.stop("air") == ""
    with pytest.raises(NotFound):
        recordings.start("ether")


async def test_a_link_of_the_loop_drops_the_oldest_and_counts_it() -> None:
    link = Air("air", ManualClock())
    for number in range(WAITING + 3):
        link.hear(str(number).encode())
    frames = await link.take()
    assert (len(frames), frames[0].data, link.health().dropped) == (WAITING, b"3", 3)


async def test_up_and_down_are_told_once_each() -> None:
    told: list[tuple[bool, str]] = []
    link = Air("air", ManualClock())
    link.on_change(lambda up, reason: told.append((up, reason)))
    link.be(False, "no adapter")
    link.be(False, "no adapter")
    link.be(True)
    link.be(True)
    link.be(False, "mute")
    link.be(True)
    assert told == [(False, "no adapter"), (True, ""), (False, "mute"), (True, "")]
    health = link.health()
    assert (health.reconnects, health.reason, health.last_error) == (1, "", "mute")
    with pytest.raises(LinkError, match="ble link"):
        await link.send(b"x")
