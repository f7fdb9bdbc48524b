"""The rules in force: built-in ones, overridden and joined by those of `rules.toml`.

A file that cannot be read keeps the last good rules in force and is said to be broken until it is right again.
Every version of every rule is kept with author and time: an alert names the version that opened it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from sluis.model import Actor, Refused, Role, SluisError, StoreError
from sluis.rules import BUILTIN, Rule
from sluis.rules.edit import with_rule, without_rule
from sluis.rules.parse import as_table, parse_rule, parse_rules
from sluis.runtime import Clock
from sluis.watch.ports import Audit, RuleText, RuleVersion, RuleVersions

log = logging.getLogger(__name__)

LOOK_S = 2.0
"""How often the file is looked at for a change by hand (one `stat`). Larger and a person who saves it in an editor
wonders whether it works; smaller gains nothing."""

FILE = "file"
"""The author of what somebody changed in the file itself."""


class UnknownRule(SluisError, LookupError):
    """There is no rule of this name."""

    code: ClassVar[str] = "rule.unknown"
    hint = "List the rules on the Rules page or in rules.toml."


class RuleBook:
    """Reads, checks, writes and remembers rules. `changed` is called after every change."""

    def __init__(self, text: RuleText, versions: RuleVersions, clock: Clock, audit: Audit) -> None:
        self.changed: Callable[[], None] = lambda: None
        self.broken = ""
        """Why the file cannot be used; "" when it can."""
        self._text = text
        self._versions = versions
        self._clock = clock
        self._audit = audit
        self._in_force: dict[str, Rule] = {rule.key: rule for rule in BUILTIN}
        self._own: frozenset[str] = frozenset()
        self._mark: str | None = None

    def in_force(self) -> Sequence[Rule]:
        return tuple(self._in_force.values())

    def get(self, key: str) -> Rule | None:
        return self._in_force.get(key)

    def rules(self) -> list[dict[str, Any]]:
        """All rules as JSON, as in `rules.toml`, with `name`, `version` and `origin` (`built-in` or `file`)."""
        return [self._described(rule) for rule in self._in_force.values()]

    def rule(self, name: str) -> dict[str, Any] | None:
        held = self._in_force.get(name)
        return self._described(held) if held else None

    async def versions(self, name: str) -> list[dict[str, Any]]:
        """All versions of a rule, newest first."""
        return [
            {"version": one.version, "body": dict(one.body), "author": one.author, "at_us": one.at_us}
            for one in await self._versions.versions(name)
        ]

    async def save(self, name: str, body: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
        """Add or change a rule in the file. ConfigError says what is wrong with it; nothing changes then."""
        _permit(actor)
        rule = parse_rule(name, dict(body))
        text = with_rule(await self._good_text(), rule)
        await self._audit.record(actor, "rule.save", name, {"version": rule.version, "rule": as_table(rule)})
        await self._text.write(text)
        await self.refresh(actor.label)
        return self._described(rule)

    async def remove(self, name: str, actor: Actor) -> None:
        """Remove a rule from the file. A built-in rule comes back as it was; switch it off with `enabled = false`."""
        _permit(actor)
        if name not in self._own:
            origin = "is built in: save it with enabled = false" if name in self._in_force else "does not exist"
            raise UnknownRule(f"rule {name!r} {origin}")
        await self._audit.record(actor, "rule.remove", name)
        await self._text.write(without_rule(await self._good_text(), name))
        await self.refresh(actor.label)

    async def refresh(self, author: str = FILE) -> None:
        """Read the file if it is another than the last time."""
        mark = await self._text.mark()
        if mark == self._mark:
            return
        self._mark = mark
        try:
            own = parse_rules(await self._text.read())
        except SluisError as error:
            log.warning("rules.toml is not used: %s", error)
            self.broken = str(error)
            self.changed()
            return
        self.broken = ""
        await self._take(own, author)

    async def run(self) -> None:
        """Follow changes made in the file."""
        while True:
            await self._clock.sleep(LOOK_S)
            await self.refresh()

    async def _take(self, own: dict[str, Rule], author: str) -> None:
        before = self._in_force
        self._in_force = {rule.key: rule for rule in BUILTIN} | own
        gone = self._own - own.keys() - {rule.key for rule in BUILTIN}
        self._own = frozenset(own)
        await self._record(before, gone, author)
        self.changed()

    async def _record(self, before: Mapping[str, Rule], gone: frozenset[str], author: str) -> None:
        now_us = self._clock.stamp().at_us
        new = []
        for rule in self._in_force.values():
            held = before.get(rule.key)
            if (held is None or held.version != rule.version) and await self._newest(rule.key) != rule.version:
                new.append(RuleVersion(rule.key, rule.version, as_table(rule), author, now_us))
        new += [RuleVersion(key, "", {}, author, now_us) for key in gone]
        try:
            if new:
                await self._versions.add(new)
        except StoreError as error:
            log.warning("the new versions of %d rules are not kept: %s", len(new), error)

    async def _newest(self, key: str) -> str:
        held = await self._versions.versions(key)
        return held[0].version if held else ""

    async def _good_text(self) -> str:
        """The file's text, if it is in order: a broken file is mended by hand, not written over."""
        text = await self._text.read()
        parse_rules(text)
        return text

    def _described(self, rule: Rule) -> dict[str, Any]:
        origin = "file" if rule.key in self._own else "built-in"
        return {"name": rule.key, "version": rule.version, "origin": origin, **as_table(rule)}


def _permit(actor: Actor) -> None:
    if not actor.may(Role.TECHNICIAN):
        raise Refused(f"{actor.label} may not change rules", hint="That takes the role technician.")
