"""The gateway's own update: lays a release ready, asks the launcher for it, and as a release on trial judges itself.

The launcher (packaging/launch.py) told this process where it is. Without one (a checkout, `make run`) nothing can be
updated, and that is said.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sluis.app.gate import Gate, Told
from sluis.app.supply import Supply
from sluis.model import Actor, BundleError, Retry
from sluis.model.commands import SYSTEM
from sluis.model.errors import SluisError
from sluis.panel.releases import LastReport, ReleaseReport, UpdateReport
from sluis.runtime import Clock
from sluis.store.audit import AuditLog
from sluis_provision.files import write_whole
from sluis_provision.gateway.content import is_gateway, this_kind
from sluis_provision.gateway.settings import UpdateSettings

if TYPE_CHECKING:
    from sluis_provision.bundle.archive import Bundle

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
"""How often a release on trial looks at itself: a link that is down for less is not noticed, and does no harm."""

GUARD_S = 120.0
"""How much later than the release itself the launcher's guard ends a trial: the time of a slow start."""


class NotUpdatable(BundleError):
    """This gateway was not started by the launcher, so it cannot exchange itself."""

    code = "update.not-installed"
    hint = "Install it with `make install`; a checkout is updated with git."


class UpdateUnderWay(BundleError):
    """Another update of the gateway is under way."""

    code = "update.under-way"
    hint = "Wait until it is confirmed or went back: sluis update status"
    retry = Retry.LATER


class NotNewer(BundleError):
    """The release is older than the one that runs, or the very same."""

    code = "update.not-newer"
    hint = "An admin may go back on purpose: sluis update undo, or install it with --allow-older and a --reason."


class Releases:
    """Implements the panel's `Releases`."""

    def __init__(
        self,
        settings: UpdateSettings,
        supply: Supply,
        audit: AuditLog,
        clock: Clock,
        database: Path,
        gate: Gate,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._settings = settings
        self._supply = supply
        self._audit = audit
        self._clock = clock
        self._database = database
        self._gate = gate
        self._launch = environment.get("SLUIS_LAUNCH", "")
        self._root = Path(environment.get("SLUIS_RELEASES", ""))
        self._name = environment.get("SLUIS_RELEASE", "")
        self._wished: asyncio.Queue[tuple[Bundle, Actor, str]] = asyncio.Queue(1)
        self._target = self._waits_for = self._failed = ""
        self._at = ("", 0, 0)

    # -- what the panel asks ------------------------------------------------------------------------------

    async def report(self) -> UpdateReport:
        return await asyncio.to_thread(self._report, await self._supply.bundles())

    async def install(self, bundle: str, actor: Actor, *, allow_older: bool = False, reason: str = "") -> None:
        """Raises why not: NotUpdatable, UpdateUnderWay, NotNewer, or why the bundle is not believed."""
        self._must_be_free()
        held = await self._supply.usable(bundle)
        self._may_follow(held, allow_older=allow_older, reason=reason)
        self._must_be_free()
        self._target, self._failed, self._at = f"{held.manifest.version}-{held.manifest.sequence}", "", ("wanted", 0, 1)
        self._wished.put_nowait((held, actor, reason))
        detail = {"from": self._name, "manifest": held.digest, "older": allow_older}
        await self._audit.record(actor, "update.install", self._target, detail, reason=reason)

    async def undo(self, actor: Actor, *, reason: str) -> None:
        """With today's database where the release before knows its schema, else with the one of before the update."""
        from sluis_provision.gateway.install import schema_of

        self._must_be_free()
        previous = str((await asyncio.to_thread(self._journal)).get("previous", ""))
        exchange = schema_of(self._root / previous) < await asyncio.to_thread(_schema, self._database)
        await self._audit.record(
            actor, "update.undo", previous, {"from": self._name, "database": exchange}, reason=reason
        )
        words = ["--database", str(self._database), "--by", actor.label, "--reason", reason]
        await self._ask("undo", *words, *(["--exchange"] if exchange else []))
        self._stop()

    # -- what goes on by itself ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Judge this release when it is on trial; tell what came of the last update; then carry out what is asked."""
        if not self._launch:
            return
        journal = await asyncio.to_thread(self._journal)
        if journal["step"] == "trial":
            await self._judge(journal.get("gate", {}))
        await self._tell()
        await self._ask("tidy", "--database", str(self._database), "--days", str(self._settings.keep_days))
        while True:
            held, actor, reason = await self._wished.get()
            try:
                await self._carry_out(held, actor, reason)
            except (SluisError, OSError) as error:
                log.error("no update to %s: %s", self._target, error)
                self._failed, self._at = str(error), ("", 0, 0)
                await self._audit.record(SYSTEM, "update.failed", self._target, {"why": str(error)})

    async def _carry_out(self, held: Bundle, actor: Actor, reason: str) -> None:
        from sluis_provision.gateway.install import install

        def progress(step: str, done: int, of: int) -> None:
            self._at = (step, done, of)

        name = await asyncio.to_thread(install, held, self._root, progress)
        within = str(self._settings.within_s + GUARD_S)
        words = ["--database", str(self._database), "--by", actor.label, "--reason", reason, "--within", within]
        await self._ask("want", name, *words, "--gate", json.dumps(self._gate.now()))
        self._stop()

    async def _judge(self, told: Told) -> None:
        """Confirm this release, or end it."""
        began, well_since = self._clock.stamp().mono_us, None
        while True:
            now, self._waits_for = self._clock.stamp().mono_us, self._gate.problem(told)
            well_since = None if self._waits_for else (well_since if well_since is not None else now)
            if well_since is not None and now - well_since >= self._settings.trial_s * 1e6:
                await self._ask("confirm")
                log.info("release %s is confirmed", self._name)
                return
            if now - began > self._settings.within_s * 1e6:
                why = self._waits_for or "it was not well without a break"
                log.error("release %s goes back: %s", self._name, why)
                await self._ask("fail", why)
                self._stop()
                await asyncio.Event().wait()
            await self._clock.sleep(LOOK_EVERY_S)

    async def _tell(self) -> None:
        """What came of the last update goes into the audit log, once: in this database, whichever it is."""
        last = (await asyncio.to_thread(self._journal)).get("last")
        mark = self._database.with_name("update-told")
        if last is None or (mark.exists() and mark.read_text() == str(last["ended"])):
            return
        detail = {name: last[name] for name in ("from", "to", "why", "began", "ended", "exchanged", "by")}
        await self._audit.record(SYSTEM, f"update.{last['outcome']}", str(last["to"]), detail)
        await asyncio.to_thread(write_whole, mark, str(last["ended"]).encode())

    # -- small parts --------------------------------------------------------------------------------------

    def _must_be_free(self) -> None:
        if not self._launch:
            raise NotUpdatable("this gateway was not installed as a service")
        if self._at[0] or self._journal()["step"] != "settled":
            raise UpdateUnderWay(f"the gateway is changing to {self._target or 'another release'} already")

    def _may_follow(self, held: Bundle, *, allow_older: bool, reason: str) -> None:
        from sluis.wire.manifest import StepMissing
        from sluis_provision.gateway.install import OtherMachine

        manifest, runs = held.manifest, self._sequence(self._name)
        if manifest.board != this_kind():
            raise OtherMachine(f"{held.name} is for {manifest.board}; this is a {this_kind()}")
        if manifest.since > runs:
            raise StepMissing(f"{held.name} must follow sequence {manifest.since}; {runs} runs")
        if manifest.sequence <= runs and not (allow_older and reason.strip() and manifest.sequence < runs):
            raise NotNewer(f"sequence {manifest.sequence} is not newer than {runs}, which runs")

    def _report(self, bundles: list[Any]) -> UpdateReport:
        journal = self._journal()
        step = self._at[0] or journal["step"]
        last = journal.get("last")
        return UpdateReport(
            possible=bool(self._launch),
            running=self._name,
            previous=str(journal.get("previous", "")),
            step=step,
            done=self._at[1],
            of=self._at[2],
            target=self._target or str(journal.get("to", "")),
            waits_for=self._waits_for if step == "trial" else "",
            problem=self._failed,
            last=_last(last) if last else None,
            releases=tuple(self._release(one) for one in bundles if is_gateway(one.board)),
        )

    def _release(self, one: Any) -> ReleaseReport:
        state, runs = one.state, self._sequence(self._name)
        if one.board != this_kind():
            state = "other-machine"
        elif state == "ready":
            state = "newer" if one.sequence > runs else "runs" if one.sequence == runs else "older"
        return ReleaseReport(one.name, one.version, one.sequence, state, one.why)

    def _sequence(self, name: str) -> int:
        """Of an installed release; 0 for one from a checkout."""
        try:
            return int(json.loads((self._root / name / "release.json").read_bytes())["sequence"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def _journal(self) -> dict[str, Any]:
        try:
            held = json.loads((self._root / "journal.json").read_bytes())
        except (OSError, ValueError):
            return {"step": "settled"}
        return held if isinstance(held, dict) and "step" in held else {"step": "settled"}

    async def _ask(self, *words: str) -> None:
        """The launcher does it. UpdateUnderWay with its words when it does not."""
        process = await asyncio.create_subprocess_exec(
            self._launch, *words, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        _, said = await process.communicate()
        if process.returncode:
            raise UpdateUnderWay(said.decode(errors="replace").strip().removeprefix("sluis: ") or "the launcher failed")

    def _stop(self) -> None:
        """End in order; the service manager starts the launcher again."""
        os.kill(os.getpid(), signal.SIGTERM)


def _last(told: Mapping[str, Any]) -> LastReport:
    return LastReport(
        outcome=str(told["outcome"]),
        source=str(told["from"]),
        target=str(told["to"]),
        why=str(told["why"]),
        by=str(told["by"]),
        began_us=int(float(told["began"] or 0) * 1e6),
        ended_us=int(float(told["ended"]) * 1e6),
        gap=bool(told.get("exchanged")),
    )


def _schema(database: Path) -> int:
    with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as held:
        return int(held.execute("PRAGMA user_version").fetchone()[0])
