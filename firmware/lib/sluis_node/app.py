"""The application of a node: its parts, its way to the broker, what it tells and what it can be asked."""

import asyncio
import gc
import json
import os
import time

import micropython

from sluis_node import announce, board, cable, config, files, mqtt, questions, telemetry, trial
from sluis_node.carrier import Carrier
from sluis_node.clock import Clock
from sluis_node.identity import Identity, keep_network
from sluis_node.journal import Journal
from sluis_node.net import way_out
from sluis_node.onboarding import Onboarding
from sluis_node.runner import Runner

try:
    from typing import Any, Callable, Coroutine
except ImportError:  # a node has no typing
    pass

GOOD_AFTER_S = 60
"""A boot that has run this long is a good one, broker or not: an outage is no reason for safe mode."""

SAFE_MODE_S = 3600
"""A node in safe mode tries an ordinary boot after this time, so a passing fault does not silence it for ever."""

JOBS_MAX = 16
QUESTION_MAX = 24576
"""Bytes: a release of a hundred files. Over the cable, a line is shorter."""

PROMISE_S = 60
"""The loop promises to be back within this time, or the watchdog resets the chip. Below it lie all that blocks: a
name that does not resolve (10 s), a scan for networks (3 s), a sensor that stretches the bus."""

GC_EVERY = 16384

POOL = "pool.ntp.org"
ANNOUNCE_MAX = 262144


class Node:
    def __init__(self, boot: "Any") -> None:
        self._boot = boot
        self.journal = Journal()
        self.safe_mode = bool(boot.safe_mode)
        if trial.on_trial() and boot.state["boots"] > 1:
            self._fell_back("the boot before was not confirmed")
        self.identity = Identity()
        for where, what in self.identity.wrong:
            self.journal.note("%s %s" % (where, what))
        node = self.identity.node
        self.card = announce.Card(self.identity.id, node["name"], self.identity.board, board.hardware())
        self.runner = Runner(config.check({})[0] if self.safe_mode else node, self.tell, self.journal.note)
        self._lamp = board.lamp(node["led"])
        self._lamp_inverted = node["led_inverted"]
        self._blinks = 0
        self._host = "sluis-" + self.identity.id
        self.way = way_out(self.identity.networks(), self._host, self.journal.note)
        self._broker_trouble = ""
        self.client: "mqtt.Client | None" = None
        self._thermometer = board.thermometer()
        self._word = os.urandom(4).hex()
        self._seq = 0
        self._jobs: "list[tuple[str, bytes]]" = []
        self._job = asyncio.Event()
        self._announce = asyncio.Event()
        self._last_call: "Any" = None
        self._ending: "tuple[str, Callable[[], None]] | None" = None
        self._began = time.ticks_ms()
        self._uptime_ms = 0
        self._alone_s = 0
        self._trial_s = trial.limit_s()
        self.clock = Clock(())
        self.carrier = Carrier(self, boot)
        if self.identity.net is not None:
            self._make_client(self.identity.net)

    def _make_client(self, net: "dict[str, Any]") -> None:
        broker = net["broker"]
        branch = "sluis/" + self.identity.id
        self._branch = branch
        self.clock = Clock(tuple(net["time"]) or tuple(broker["hosts"]) + (POOL,))
        self.clock.at_least(net["enrolled_at"])
        tls = None
        if broker.get("tls", True):
            ca = files.read("/ca.der")
            if ca is None:
                self.journal.note("/ca.der is missing: no broker can be trusted")
                return
            try:
                tls = mqtt.tls_context(ca, files.read("/cert.der") or b"", files.read("/key.der") or b"")
            except (ValueError, OSError) as error:
                self.identity.wrong.append(("/ca.der", "or /cert.der or /key.der is damaged (%s)" % error))
                self.journal.note("%s %s" % self.identity.wrong[-1])
                return
        client = self.client = mqtt.Client(
            tuple(broker["hosts"]),
            broker.get("port", 8883),
            self.identity.id,
            net["name"] or self.identity.id,
            net["password"],
            tls,
            broker.get("server", ""),
            (branch + "/status", b"offline", 1, True),
            (branch + "/set/+", branch + "/do", branch + "/chunk", "homeassistant/status"),
        )
        client.on_up = self._up
        client.on_message = self._arrived
        client.on_piece = self._arrived_in_pieces
        client.on_note = self._broker_said

    def _broker_said(self, text: str) -> None:
        self._broker_trouble = "broker: " + text
        self.journal.note(self._broker_trouble)

    def trouble(self) -> str:
        """Why there is no broker, as far as it is known; "" when there is one."""
        if not self.way.up():
            return self.way.trouble or "no network yet"
        if self.client is None:
            return "it has no key yet" if self.identity.net is None else "its certificates are missing or damaged"
        return "" if self.client.up else self._broker_trouble or "it has not reached its broker yet"

    # -- telling ------------------------------------------------------------------------------------------

    def points(self) -> "dict[str, dict[str, Any]]":
        health_every_s = self.identity.node["health_every_s"]
        found = announce.health_points(health_every_s, self.way.wireless, self._thermometer is not None)
        found.update(self.carrier.points())
        found.update(self.runner.points())
        return found

    def tell(self, values: "dict[str, Any]") -> None:
        """Publish readings, or keep them until there is a broker."""
        if self.client is None or not values:
            return
        at_ms = self.clock.unix_ms() if self.clock.synced else None
        self._seq += 1
        self.client.publish(self._branch + "/telemetry", telemetry.message(self._word, self._seq - 1, at_ms, values))

    def health(self) -> "dict[str, Any]":
        gc.collect()
        values: "dict[str, Any]" = {
            "uptime": self._uptime_ms // 1000,
            "free_memory": gc.mem_free(),
            "reset_cause": board.reset_cause(),
            "faults": self.runner.trouble()[:200],
            "safe_mode": self.safe_mode,
        }
        if self.client is not None:
            values["dropped"] = self.client.outbox.dropped
        rssi = self.way.rssi()
        if rssi is not None:
            values["rssi"] = rssi
        if self._thermometer is not None:
            values["chip_temperature"] = self._thermometer()
        return values

    def _up(self) -> None:
        """A new session: say that we are here before anything that waited goes out."""
        self.journal.note("connected")
        self._broker_trouble = ""
        if not self.carrier.updater.on_trial():  # a new version has more to show than that
            self._boot.confirm()
        trial.accept()
        self._alone_s = 0
        self._announce.set()

    async def _announcing(self) -> None:
        while True:
            await self._announce.wait()
            self._announce.clear()
            client = self.client
            if client is None:
                return
            points = self.points()
            try:
                for topic, make in (
                    (self._branch + "/announce", announce.sluis),
                    ("homeassistant/device/%s/config" % self.identity.id, announce.home_assistant),
                ):
                    size = announce.size_of(make(self.card, points))
                    await client.send_pieces(topic, make(self.card, points), size, True)
                self.carrier.tell()
                client.publish(self._branch + "/status", b"online", retain=True, keep=False, first=True)
                self.tell(self.health())
            except mqtt.Lost:
                pass  # the next session announces again

    def withdraw(self) -> None:
        """Take back both announcements."""
        if self.client is not None:
            for topic in (self._branch + "/announce", "homeassistant/device/%s/config" % self.identity.id):
                self.client.publish(topic, b"", retain=True)

    # -- being asked --------------------------------------------------------------------------------------

    def _arrived(self, topic: str, payload: bytes, retained: bool) -> None:
        if topic == self._branch + "/chunk":
            self.carrier.arrived(payload)
        elif topic == "homeassistant/status":
            if payload == b"online" and not retained:
                self._announce.set()
        elif not retained:  # a wish that was kept by the broker is of another day
            if len(self._jobs) < JOBS_MAX:
                self._jobs.append((topic[len(self._branch) + 1 :], payload))
                self._job.set()
            else:
                self.journal.note("too many wishes at once: one was dropped")

    def _arrived_in_pieces(self, topic: str, offset: int, total: int, piece: memoryview) -> None:
        """A question with a long configuration in it, or a release."""
        if total > QUESTION_MAX or topic != self._branch + "/do":
            if not offset:
                self.journal.note("a message of %d bytes on %s was passed over" % (total, topic))
            return
        if not offset:
            gc.collect()
            try:
                self._long = bytearray(total)
            except MemoryError:
                self._long = bytearray()
                self.journal.note("a message of %d bytes does not fit into memory" % total)
        if not self._long:
            return
        self._long[offset : offset + len(piece)] = piece
        if offset + len(piece) == total:
            self._arrived(topic, bytes(self._long), False)
            self._long = bytearray()

    async def _working(self) -> None:
        while True:
            await self._job.wait()
            self._job.clear()
            while self._jobs:
                what, payload = self._jobs.pop(0)
                try:
                    told = json.loads(payload.decode())
                    if what == "do" and isinstance(told, dict) and told.get("do") in questions.LONG:
                        asyncio.create_task(self._kept(self._asked(told)))
                    elif what == "do":
                        await self._asked(told)
                    else:
                        await self.runner.write(what[4:], told)
                except (ValueError, OSError) as error:
                    self.journal.note("%s: %s" % (what, error))

    async def _asked(self, asked: "Any") -> None:
        if not isinstance(asked, dict):
            raise ValueError("a question is an object")
        call = asked.get("call")
        # At QoS 1 a question may come twice. Buttons of others have no number and are pressed as often as they are.
        if call is not None and call != "button" and call == self._last_call:
            return
        self._last_call = call
        answer = await questions.answer(self, asked)
        if self.client is not None:
            self.client.publish(self._branch + "/did", json.dumps(answer).encode(), keep=False)

    def identify(self, for_s: int) -> bool:
        """Blink; False when there is no lamp."""
        self._blinks = for_s * 4
        return self._lamp is not None

    async def _blinking(self) -> None:
        while True:
            await asyncio.sleep_ms(125)
            if self._lamp is not None and self._blinks:
                self._lamp.value(int(bool(self._lamp_inverted)) ^ 1)
                await asyncio.sleep_ms(125)
                self._lamp.value(int(bool(self._lamp_inverted)))
                self._blinks -= 1

    def restart(self, why: str, last: "Callable[[], None]" = lambda: None) -> None:
        """Leave, as somebody wants it, once what is to be said has been said; `last` is done at the very end."""
        self._boot.excuse()
        self._ending = (why, last)

    def _fell_back(self, why: str) -> None:
        changed = trial.fall_back()
        self.journal.note("%s went back to the last good one: %s" % (" and ".join(changed), why))

    # -- living -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until a restart is due."""
        self.journal.note("Sluis node %s, started by %s" % (self.card.firmware, board.reset_cause()))
        if self.safe_mode:
            self.journal.note("safe mode: three boots failed, so no parts run")
        self.runner.start()
        keyed = self.identity.net is not None
        onboarding = Onboarding(self.way, self._host, self.card, self.identify, keep_network, keyed)
        console = cable.Console(self._by_cable, onboarding.by_cable)
        work = [self.way.run(), self._announcing(), self._working(), self._blinking(), console.read()]
        work += [console.work(), onboarding.by_radio(lambda: self._uptime_ms // 1000)]
        if self.client is not None:
            work += [self.client.run(), self.clock.run(), self.carrier.updater.run()]
        tasks = [asyncio.create_task(self._kept(each)) for each in work]
        while self._ending is None:
            await self._second()
        why, last = self._ending
        self.journal.note("restarting: " + why)
        self.runner.stop()
        if self.client is not None and self.client.up:
            self.client.publish(self._branch + "/status", b"offline", retain=True, keep=False)
            await self.client.flush(3)
            self.client.close()
            await asyncio.sleep_ms(200)
        last()
        for task in tasks:
            task.cancel()

    async def _kept(self, work: "Coroutine[Any, Any, None]") -> None:
        """A part of the application. When one fails, the node is no whole node any more and starts again."""
        try:
            await work
        except Exception as error:
            files.write_crash(error)
            self._ending = ("a fault of the firmware: %s %s" % (type(error).__name__, error), lambda: None)

    async def _second(self) -> None:
        """What is looked at every second."""
        await asyncio.sleep(1)
        self._boot.alive(PROMISE_S)
        now = time.ticks_ms()
        self._uptime_ms += time.ticks_diff(now, self._began)
        self._began = now
        up_s = self._uptime_ms // 1000
        self.carrier.updater.second(self.client is not None and self.client.up)
        if up_s == GOOD_AFTER_S and not trial.on_trial() and not self.carrier.updater.on_trial():
            self._boot.confirm()
        if up_s and up_s % self.identity.node["health_every_s"] == 0:
            self.tell(self.health())
        if self.safe_mode and up_s > SAFE_MODE_S:
            self.restart("safe mode is over")
        if self.client is None or self.client.up:
            self._alone_s = 0
            return
        self._alone_s += 1
        if self._alone_s == self.identity.node["lost_after_s"]:
            self.journal.note("without a broker: actuators go to their safe state")
            self.runner.safe()
        if self._alone_s == self._trial_s and trial.on_trial():
            self._fell_back("the broker was not reached")
            self.restart("went back")

    async def _by_cable(self, asked: "dict[str, Any]") -> "dict[str, Any]":
        return await questions.answer(self, asked, by_cable=True)


def main(boot: "Any") -> None:
    # Rubbish that is swept often leaves larger holes; a TLS record needs 16 kB in one piece.
    gc.threshold(GC_EVERY)
    micropython.kbd_intr(-1)
    try:
        asyncio.run(Node(boot).run())
    finally:
        micropython.kbd_intr(cable.INTERRUPT)
