"""Kill the gateway at random moments under load; then compare what was acknowledged with what is stored.

A real gateway process with its own broker, a device that sends numbered messages and keeps each until it is
acknowledged, and SIGKILL. In the end every acknowledged number must be stored, and none twice.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from sluis.model import SluisError
from sluis.selftest.publisher import Publisher

START_WITHIN_S = 60.0
SETTLE_WITHIN_S = 60.0


class SelftestFailed(SluisError):
    """The selftest could not be carried out."""

    code = "selftest"


@dataclass(frozen=True, slots=True)
class CrashReport:
    """The bar: `lost` and `duplicated` are 0."""

    kills: int
    broker_kills: int
    acknowledged: int
    stored: int
    lost: int
    duplicated: int
    resent: int
    """Messages sent again because their acknowledgement was cut off."""
    seconds: float

    @property
    def passed(self) -> bool:
        return self.lost == 0 and self.duplicated == 0 and self.acknowledged > 0


@dataclass
class Victim:
    """The gateway process under test, in a data directory of its own."""

    data_dir: Path
    config: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        info = self.data_dir / "run" / "gateway.json"
        info.unlink(missing_ok=True)
        log = (self.data_dir / "selftest.log").open("ab")
        command = [sys.executable, "-m", "sluis", "run", "--config", str(self.config), "--data-dir", str(self.data_dir)]
        self.process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603  (our own program)
        log.close()
        deadline = time.monotonic() + START_WITHIN_S
        while not info.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SelftestFailed(f"the gateway did not start; see {self.data_dir / 'selftest.log'}")
            time.sleep(0.01)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def kill_broker(self) -> bool:
        """SIGKILL to the gateway's mosquitto; False when it has none at this moment."""
        try:
            pid = int((self.data_dir / "broker" / "mosquitto.pid").read_text())
            os.kill(pid, signal.SIGKILL)
        except (OSError, ValueError):
            return False
        return True

    def stop(self) -> None:
        """SIGTERM, and wait for the clean end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise SelftestFailed("the gateway did not stop within 15 s of SIGTERM") from None


def run_crash(
    data_dir: Path,
    kills: int,
    *,
    broker_kills: int = 0,
    rate_per_s: float = 300.0,
    seed: int | None = None,
    progress: Callable[[int, int], None] = lambda done, acknowledged: None,
) -> CrashReport:
    """Kill `kills` times (and the broker `broker_kills` times, in between) and count. The data directory is kept."""
    from sluis.selftest.site import announcement, prepare, stored_counts

    chance = random.Random(seed)  # noqa: S311  (moments of death, not secrets)
    began = time.monotonic()
    site = prepare(data_dir)
    victim = Victim(data_dir, site.config)
    publisher = Publisher(site.port, site.username, site.password, site.topic, rate_per_s, announcement())
    victim.start()
    publisher.start()
    wait_for(lambda: -1 in stored_counts(data_dir), "the node was not taken into use")
    publisher.counting.set()
    deaths = ["gateway"] * kills + ["broker"] * broker_kills
    chance.shuffle(deaths)
    try:
        before = ""
        for number, death in enumerate(deaths, 1):
            if "broker" in (death, before):
                drained(data_dir, publisher, stored_counts)
            before = death
            time.sleep(chance.uniform(0.02, 0.8))
            if death == "broker":
                victim.kill_broker()
            else:
                victim.kill()
                victim.start()
            progress(number, len(publisher.acknowledged))
        if not publisher.finish(SETTLE_WITHIN_S):
            raise SelftestFailed("the broker did not acknowledge what was sent last", hint=str(data_dir))
        acknowledged = publisher.acknowledged
        wait_until_stored(data_dir, max(acknowledged, default=0), stored_counts)
    finally:
        victim.stop()
    stored = Counter(number for number in stored_counts(data_dir) if number >= 0)
    return CrashReport(
        kills=kills,
        broker_kills=broker_kills,
        acknowledged=len(acknowledged),
        stored=len(stored),
        lost=len(acknowledged - stored.keys()),
        duplicated=sum(count - 1 for count in stored.values()),
        resent=publisher.resent,
        seconds=time.monotonic() - began,
    )


def wait_for(condition: Callable[[], bool], otherwise: str) -> None:
    """SelftestFailed when it does not come true in time."""
    deadline = time.monotonic() + START_WITHIN_S
    while not condition():
        if time.monotonic() > deadline:
            raise SelftestFailed(otherwise)
        time.sleep(0.02)


def drained(data_dir: Path, publisher: Publisher, counts: Callable[[Path], Iterable[int]]) -> None:
    """Wait until what was acknowledged is stored: a broker and a gateway that die one upon the other, before one has
    handed over what the other has to commit, lose what a power cut loses (docs/decisions/0003)."""
    last = max(publisher.acknowledged.copy(), default=-1)
    wait_for(lambda: last in counts(data_dir), "what was acknowledged is not stored")


def wait_until_stored(data_dir: Path, last: int, counts: Callable[[Path], Iterable[int]]) -> None:
    """Give the gateway time to drain what the broker still holds for it."""
    deadline = time.monotonic() + SETTLE_WITHIN_S
    before = -1
    while time.monotonic() < deadline:
        held = list(counts(data_dir))
        if last in held and len(held) == before:
            return
        before = len(held)
        time.sleep(0.5)


def read_info(data_dir: Path) -> dict[str, object]:
    """What the running gateway says about itself."""
    info: dict[str, object] = json.loads((data_dir / "run" / "gateway.json").read_text())
    return info
