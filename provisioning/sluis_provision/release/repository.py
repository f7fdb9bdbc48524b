"""The release repository, as those who release change it.

A change goes three steps: it is *staged*; the people whose it is *sign* it, each on their own machine, with the folder
carried between them; it is *published* with the key that says what is newest. What people may do wrong is refused
before it is published, so that a gateway never sees a repository that it could not follow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from sluis.wire.signed import Signed, Trust, Untrusted, check
from sluis_provision.bundle import archive
from sluis_provision.bundle.archive import Bundle
from sluis_provision.bundle.ed25519 import verified
from sluis_provision.files import write_whole
from sluis_provision.release import roles
from sluis_provision.release.keys import PublicKey, SigningKey
from sluis_provision.release.problem import RepositoryError
from sluis_provision.release.roles import Role, Wanting
from sluis_provision.release.shelf import Part, Shelf

ROOT_DAYS = 3 * 365
"""A root is renewed by two people who meet. Shorter and a site that nobody looks after stops updating; longer and a
root whose keys were lost stays believed."""

RELEASE_DAYS = 2 * 365
FRESH_DAYS = 35
"""A month and a few days: who publishes monthly is never late. Late is a warning only."""

MADE = "x-sluis-made"
"""Member of a timestamp: when it was made, ISO 8601 UTC. Its age is the freshness that people see."""

CUSTOM = "sluis"
"""Member of a target's `custom`: what a gateway shows before it fetches the bundle."""


class Repository:
    """One folder, as `Shelf` describes it."""

    def __init__(self, folder: Path) -> None:
        self.shelf = Shelf(folder)

    # -- staging ------------------------------------------------------------------------------------------

    def begin(self, keys: Mapping[Role, Sequence[PublicKey]], threshold: int = 1) -> Root:
        """Stage the first root. Of the root's keys two must sign; of the release keys `threshold`."""
        if self.shelf.root() is not None or self.shelf.staged_root() is not None:
            raise RepositoryError(f"{self.shelf.folder} is a release repository already")
        made = Root(expires=_in(ROOT_DAYS), consistent_snapshot=True, unrecognized_fields={roles.SEQUENCE: 1})
        for role, holders in keys.items():
            roles.give(made, role, holders)
        made.roles["root"].threshold = roles.ROOT_THRESHOLD_MIN
        made.roles["targets"].threshold = threshold
        self._stage_root(made, None)
        return made

    def change(
        self, role: Role, add: Sequence[PublicKey] = (), revoke: Sequence[str] = (), threshold: int | None = None
    ) -> Root:
        """Stage a root in which `role` has other keys. It is renewed with it: a new expiry."""
        published = self.shelf.root()
        made = self.shelf.newest_root().signed
        if published is not None and self.shelf.staged_root() is None:
            made.version += 1
        made.expires = _in(ROOT_DAYS)
        roles.give(made, role, add)
        for key_id in revoke:
            roles.take(made, role, key_id)
        for tuf_role in roles.TUF[role]:
            made.roles[tuf_role].threshold = threshold or made.roles[tuf_role].threshold
        self._stage_root(made, published.signed if published else None)
        return made

    def add(self, file: Path) -> Bundle:
        """Stage a bundle. It must be signed by enough of the release keys, and newer than those for its boards."""
        bundle = archive.opened(file)
        bundle.check(roles.trust_of(self.shelf.newest_root().signed))
        made = self._next_targets()
        for held in made.signed.targets.values():
            _fits(bundle, held)
        target = TargetFile.from_file(bundle.name, str(file), ["sha256"])
        target.unrecognized_fields["custom"] = {CUSTOM: _told(bundle)}
        write_whole(self.shelf.place(target.path, target.hashes["sha256"]), file.read_bytes())
        made.signed.targets[target.path] = target
        self.shelf.stage(made, "targets")
        return bundle

    def withdraw(self, name: str) -> None:
        """Stage that a bundle is released no more. Gateways that have it keep it."""
        made = self._next_targets()
        if name not in made.signed.targets:
            raise RepositoryError(f"{name} is not in the repository", hint="List it: sluis bundle repo show FOLDER")
        del made.signed.targets[name]
        self.shelf.stage(made, "targets")

    def renew(self) -> None:
        """Stage the list of bundles as it is, for other keys or a later day."""
        self.shelf.stage(self._next_targets(), "targets")

    # -- signing ------------------------------------------------------------------------------------------

    def sign(self, key: SigningKey) -> list[Part]:
        """Sign everything that is staged and is this key's to sign; what that was."""
        signers = {"root": self._sign_root, "targets": self._sign_targets, "trust": self._sign_trust}
        done: list[Part] = [part for part, sign in signers.items() if sign(key)]  # type: ignore[misc]
        if not done:
            raise RepositoryError(
                f"nothing that is staged is for {key.public.id} to sign", hint="See: sluis bundle repo show FOLDER"
            )
        return done

    def wanting(self) -> dict[Part, Wanting]:
        """What is staged, and how many signatures each part needs still, and whose they may be."""
        found: dict[Part, Wanting] = {}
        root, published = self.shelf.staged_root(), self.shelf.root()
        if root is not None:
            found["root"] = roles.wanting(root.signed, "root", root)
            if published is not None:
                found["root"] = found["root"].and_too(roles.wanting(published.signed, "root", root))
        targets = self.shelf.staged_targets()
        if targets is not None:
            found["targets"] = roles.wanting(self.shelf.newest_root().signed, "targets", targets)
        trust = self.shelf.staged_trust()
        if trust is not None and published is not None:
            found["trust"] = _wanting_trust(trust, roles.trust_of(published.signed))
        return found

    # -- publishing ---------------------------------------------------------------------------------------

    def publish(self, key: SigningKey, days: int = FRESH_DAYS, *, without_nodes: bool = False) -> list[str]:
        """Make what is signed enough the newest there is, for so many days; what changed. RepositoryError says what
        stands in the way.

        `without_nodes`: also when nodes cannot be told of new release keys, since too few of the old ones signed.
        """
        for part, needs in self.wanting().items():
            if needs.missing and not (part == "trust" and without_nodes):
                raise RepositoryError(
                    f"the new {part} needs {needs.missing} more signatures, by any of {', '.join(needs.unsigned)}",
                    hint="They sign with: sluis bundle repo sign FOLDER --key KEY",
                )
        root, targets = self.shelf.newest_root(), self.shelf.newest_targets()
        if targets is None:
            raise RepositoryError("there is nothing to publish yet", hint="First: sluis bundle repo add FOLDER BUNDLE")
        self._sound(root.signed, targets)
        if not roles.has_role(root.signed, "fresh", key.public.id):
            raise RepositoryError(f"{key.public.id} may not say what is newest: it does not have the role fresh")
        done = self._move_staged(root, targets)
        self._say_newest(key, targets.signed, days)
        return [*done, "timestamp"]

    def _sound(self, root: Root, targets: Metadata[Targets]) -> None:
        """RepositoryError when gateways could not follow, or nodes not take what is offered."""
        if roles.wanting(root, "targets", targets).missing:
            raise RepositoryError(
                "the list of bundles is signed by keys that are trusted no more",
                hint="Have it signed again: sluis bundle repo renew FOLDER",
            )
        for target in targets.signed.targets.values():
            try:
                self.shelf.bundle(target).check(roles.trust_of(root))
            except Untrusted as error:
                raise RepositoryError(
                    f"{target.path} is signed by keys that are trusted no more",
                    hint="Sign it with those that are, and add it again; or withdraw it.",
                ) from error

    def _move_staged(self, root: Metadata[Root], targets: Metadata[Targets]) -> list[str]:
        """In the order in which a gateway may meet it when the power fails between two."""
        done, wanting, trust = [], self.wanting(), self.shelf.staged_trust()
        if trust is not None and "trust" in wanting and not wanting["trust"].missing:
            self.shelf.publish_trust(trust)
            done.append("trust")
        if "root" in wanting:
            self.shelf.publish(root, f"{root.signed.version}.root.json")
            done.append("root")
        if "targets" in wanting:
            self.shelf.publish(targets, f"{targets.signed.version}.targets.json")
            done.append("targets")
        return done

    def _say_newest(self, key: SigningKey, targets: Targets, days: int) -> None:
        before, stamp = self.shelf.snapshot(), self.shelf.timestamp()
        version = before.signed.version + 1 if before else 1
        snapshot = Metadata(Snapshot(version, expires=_in(days), meta={"targets.json": MetaFile(targets.version)}))
        newest = Metadata(
            Timestamp(
                stamp.signed.version + 1 if stamp else 1,
                expires=_in(days),
                snapshot_meta=MetaFile(version),
                unrecognized_fields={MADE: datetime.now(UTC).isoformat(timespec="seconds")},
            )
        )
        snapshot.sign(roles.signer(key))
        newest.sign(roles.signer(key))
        self.shelf.publish(snapshot, f"{version}.snapshot.json")
        self.shelf.publish(newest, "timestamp.json")
        self.shelf.clear_staged()

    # -- small parts --------------------------------------------------------------------------------------

    def _next_targets(self) -> Metadata[Targets]:
        """The staged list, else the one after the published; without signatures."""
        staged, published = self.shelf.staged_targets(), self.shelf.targets()
        made = staged or published or Metadata(Targets())
        if staged is None and published is not None:
            made.signed.version += 1
        made.signed.expires = _in(RELEASE_DAYS)
        made.signatures.clear()
        return made

    def _stage_root(self, made: Root, published: Root | None) -> None:
        for role in roles.TUF:
            held, needed = len(made.roles[roles.TUF[role][0]].keyids), roles.threshold_of(made, role)
            least = roles.ROOT_THRESHOLD_MIN if role == "root" else 1
            if not least <= needed <= held:
                raise RepositoryError(f"the role {role} has {held} keys, of which {needed} sign; at least {least} must")
        if published is not None:
            self._stage_trust(made, published)
        self.shelf.stage(Metadata(made), "root")

    def _stage_trust(self, made: Root, published: Root) -> None:
        """New release keys: nodes must hear it from those they trust now."""
        before = roles.trust_of(published)
        made.unrecognized_fields[roles.SEQUENCE] = before.sequence
        now, file = roles.trust_of(made), self.shelf.staged("trust")
        if (now.keys, now.threshold) == (before.keys, before.threshold):
            file.unlink(missing_ok=True)
            return
        made.unrecognized_fields[roles.SEQUENCE] = before.sequence + 1
        write_whole(file, Signed("trust", roles.trust_of(made).encode()).encode())

    def _sign_root(self, key: SigningKey) -> bool:
        held, published = self.shelf.staged_root(), self.shelf.root()
        if held is None:
            return False
        judges = [held.signed, *([published.signed] if published else [])]
        if not any(roles.has_role(judge, "root", key.public.id) for judge in judges):
            return False
        held.sign(roles.signer(key), append=True)
        self.shelf.stage(held, "root")
        return True

    def _sign_targets(self, key: SigningKey) -> bool:
        held = self.shelf.staged_targets()
        if held is None or not roles.has_role(self.shelf.newest_root().signed, "release", key.public.id):
            return False
        held.sign(roles.signer(key), append=True)
        self.shelf.stage(held, "targets")
        return True

    def _sign_trust(self, key: SigningKey) -> bool:
        trust, published = self.shelf.staged_trust(), self.shelf.root()
        if trust is None or published is None or not roles.has_role(published.signed, "release", key.public.id):
            return False
        write_whole(self.shelf.staged("trust"), trust.signed_by(key.public.raw, key.sign).encode())
        return True


def _fits(bundle: Bundle, held: TargetFile) -> None:
    """RepositoryError when a bundle cannot stand beside this one."""
    told = (held.custom or {}).get(CUSTOM, {})
    sequence = bundle.manifest.sequence
    if told.get("manifest") == bundle.digest:
        return
    if told.get("sequence") == sequence:
        raise RepositoryError(f"sequence {sequence} is that of {held.path} already")
    if told.get("board") == bundle.manifest.board and told["sequence"] > sequence:
        raise RepositoryError(f"{held.path} is newer than sequence {sequence}")


def _told(bundle: Bundle) -> dict[str, Any]:
    manifest = bundle.manifest
    told = {name: getattr(manifest, name) for name in ("board", "version", "sequence", "runtime", "expires")}
    return {**told, "from": manifest.since, "manifest": bundle.digest}


def _wanting_trust(trust: Signed, before: Trust) -> Wanting:
    one_is_enough = Trust(1, before.keys, before.sequence)
    try:
        signed = set(check(trust, one_is_enough, verified))
    except Untrusted:
        signed = set()
    left = max(0, before.threshold - len(signed))
    return Wanting(tuple(sorted(signed)), tuple(sorted(set(before.keys) - signed)), left)


def _in(days: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
