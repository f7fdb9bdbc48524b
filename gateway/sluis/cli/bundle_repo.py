"""`sluis bundle repo`, and `key trust|revoke|rotate`: the release repository, on a release machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluis.cli.bundle_keys import KeyFile, in_groups, key, opened, public_keys, show_keys, told
from sluis.cli.show import as_json, facts, out, size, table
from sluis.cli.where import Where

if TYPE_CHECKING:
    from sluis_provision.release.repository import Repository

Repo = click.Path(path_type=Path, file_okay=False)
Roles = click.Choice(["root", "release", "fresh"])


@click.group("repo")
def repo() -> None:
    """The release repository: a folder that a web server, or a stick, carries to gateways.

    A change is staged, signed by the people whose it is, and published. The roles: `root` says who holds which role
    (two must sign), `release` signs bundles, `fresh` says what is newest.

    \b
    sluis bundle repo new release --root a.pub --root b.pub --root c.pub --release a.pub --release b.pub \\
        --threshold 2 --fresh f.pub
    sluis bundle repo add release any-0.2.0-12.sluis
    sluis bundle repo sign release --key a.key
    sluis bundle repo publish release --key f.key
    """


@repo.command("new")
@click.argument("folder", type=Repo)
@click.option(
    "--root", type=KeyFile, multiple=True, required=True, help="Public key that may change roles. Two or more."
)
@click.option("--release", type=KeyFile, multiple=True, required=True, help="Public key that releases. Repeatable.")
@click.option("--threshold", default=1, show_default=True, help="So many of these must sign each release.")
@click.option("--fresh", type=KeyFile, multiple=True, required=True, help="Public key that says what is newest.")
@as_json
def new(
    folder: Path,
    root: tuple[Path, ...],
    release: tuple[Path, ...],
    threshold: int,
    fresh: tuple[Path, ...],
    json_: bool,
) -> None:
    """Begin a repository in FOLDER: stage its first root.

    \b
    sluis bundle repo new release --root a.pub --root b.pub --release a.pub --fresh f.pub
    """
    made = _repository(folder)
    made.begin(
        {"root": public_keys(root), "release": public_keys(release), "fresh": public_keys(fresh)}, threshold=threshold
    )
    _show(made, json_)


@repo.command("show")
@click.argument("folder", type=Repo)
@as_json
def show(folder: Path, json_: bool) -> None:
    """Show who holds which role, which bundles are out, and what waits for whose signature.

    \b
    sluis bundle repo show release
    """
    _show(_repository(folder), json_)


@repo.command("add")
@click.argument("folder", type=Repo)
@click.argument("bundles", type=click.Path(path_type=Path, dir_okay=False), nargs=-1, required=True)
@as_json
def add(folder: Path, bundles: tuple[Path, ...], json_: bool) -> None:
    """Stage BUNDLES, each signed by enough of the release keys.

    \b
    sluis bundle repo add release any-0.2.0-12.sluis
    """
    made = _repository(folder)
    for file in bundles:
        made.add(file)
    _show(made, json_)


@repo.command("withdraw")
@click.argument("folder", type=Repo)
@click.argument("name")
@as_json
def withdraw(folder: Path, name: str, json_: bool) -> None:
    """Stage that the bundle NAME is released no more. Gateways that have it keep it.

    \b
    sluis bundle repo withdraw release any-0.2.0-12.sluis
    """
    made = _repository(folder)
    made.withdraw(name)
    _show(made, json_)


@repo.command("renew")
@click.argument("folder", type=Repo)
@as_json
def renew(folder: Path, json_: bool) -> None:
    """Stage the list of bundles as it is: for a later day, or for other keys.

    \b
    sluis bundle repo renew release
    """
    made = _repository(folder)
    made.renew()
    _show(made, json_)


@repo.command("sign")
@click.argument("folder", type=Repo)
@click.option("--key", "key_file", type=KeyFile, required=True, help="Key file of `sluis bundle key new`.")
@as_json
@click.pass_obj
def sign(where: Where, folder: Path, key_file: Path, json_: bool) -> None:
    """Sign everything that is staged and is this key's to sign. Look at it first: sluis bundle repo show.

    \b
    sluis bundle repo sign release --key a.key
    """
    made = _repository(folder)
    done = made.sign(opened(where, key_file))
    if not json_:
        click.echo(f"Signed: {', '.join(done)}\n")
    _show(made, json_)


@repo.command("publish")
@click.argument("folder", type=Repo)
@click.option("--key", "key_file", type=KeyFile, required=True, help="Key file with the role fresh.")
@click.option("--days", default=35, show_default=True, help="From then on gateways warn that nothing was heard.")
@click.option("--without-nodes", is_flag=True, help="Also when nodes cannot follow to new release keys over the air.")
@as_json
@click.pass_obj
def publish(where: Where, folder: Path, key_file: Path, days: int, without_nodes: bool, json_: bool) -> None:
    """Make what is staged and signed the newest there is. With nothing staged: say anew that this is the newest.

    \b
    sluis bundle repo publish release --key f.key
    sluis bundle repo publish release --key f.key --days 365     (for sites that a stick goes to once a year)
    """
    made = _repository(folder)
    done = made.publish(opened(where, key_file), days, without_nodes=without_nodes)
    if not json_:
        click.echo(f"Published: {', '.join(done)}\n")
    _show(made, json_)


@repo.command("mirror")
@click.argument("source")
@click.argument("folder", type=Repo)
@as_json
def mirror(source: str, folder: Path, json_: bool) -> None:
    """Copy the repository SOURCE, an address or a folder, into FOLDER: to a stick. Again brings what is new.

    The copy is found whole. Whether its root is to be trusted is for each gateway to say.

    \b
    sluis bundle repo mirror https://releases.example.org/sluis /media/stick/release
    """
    from sluis_provision.supply.mirror import mirror as copy

    made = copy(source, folder)
    if json_:
        out({"folder": str(folder), "print": made.anchor.print, "bundles": list(made.bundles), "bytes": made.bytes})
        return
    click.echo(f"{folder}: {len(made.bundles)} bundles, {size(made.bytes)}")
    click.echo(f"Print of its root: {in_groups(made.anchor.print)}")


@key.command("trust")
@click.argument("folder", type=Repo)
@click.argument("role", type=Roles)
@click.argument("keys", type=KeyFile, nargs=-1, required=True)
@click.option("--threshold", type=int, help="So many keys of this role must sign from now on.")
@as_json
def trust(folder: Path, role: Any, keys: tuple[Path, ...], threshold: int | None, json_: bool) -> None:
    """Stage that public KEYS get ROLE in the repository FOLDER.

    \b
    sluis bundle key trust release release carla.pub
    """
    made = _repository(folder)
    made.change(role, public_keys(keys), threshold=threshold)
    _show(made, json_)


@key.command("revoke")
@click.argument("folder", type=Repo)
@click.argument("role", type=Roles)
@click.argument("key_id")
@click.option("--threshold", type=int, help="So many keys of this role must sign from now on.")
@as_json
def revoke(folder: Path, role: Any, key_id: str, threshold: int | None, json_: bool) -> None:
    """Stage that the key KEY_ID loses ROLE in the repository FOLDER. Bundles it signed need other signatures then.

    \b
    sluis bundle key revoke release release 0123456789abcdef
    """
    made = _repository(folder)
    made.change(role, revoke=[key_id], threshold=threshold)
    _show(made, json_)


@key.command("rotate")
@click.argument("folder", type=Repo)
@click.argument("role", type=Roles)
@click.argument("key_id")
@click.argument("by", type=KeyFile)
@as_json
def rotate(folder: Path, role: Any, key_id: str, by: Path, json_: bool) -> None:
    """Stage that the public key BY takes ROLE over from KEY_ID in the repository FOLDER.

    \b
    sluis bundle key rotate release release 0123456789abcdef carla.pub
    """
    made = _repository(folder)
    made.change(role, public_keys([by]), revoke=[key_id])
    _show(made, json_)


def _repository(folder: Path) -> Repository:
    from sluis_provision.release.repository import Repository

    return Repository(folder)


def _show(made: Repository, json_: bool) -> None:
    held = _told(made)
    if json_:
        out(held)
        return
    facts(
        [
            ("Print of the root", in_groups(held["print"])),
            ("Signatures needed", ", ".join(f"{role} {needed}" for role, needed in held["thresholds"].items())),
            ("Root until", held["expires"]),
            ("Bundles until", held["targets_expire"]),
            ("Late from", held["late_from"]),
        ]
    )
    click.echo()
    show_keys(held["keys"], "")
    click.echo()
    rows = [[one["name"], one["version"], str(one["sequence"]), size(one["bytes"])] for one in held["bundles"]]
    table(["Bundle", "Version", "Sequence", "Size"], rows, "No bundle is in it: sluis bundle repo add FOLDER BUNDLE")
    for part, needs in held["staged"].items():
        who = (
            f"needs {needs['missing']} more, by any of {', '.join(needs['unsigned'])}"
            if needs["missing"]
            else "is signed"
        )
        click.echo(f"Staged: the new {part} {who}.")
    if held["staged"] and not any(needs["missing"] for needs in held["staged"].values()):
        click.echo("Next: sluis bundle repo publish FOLDER --key KEY")


def _told(made: Repository) -> dict[str, Any]:
    from sluis_provision.release import roles
    from sluis_provision.release.repository import CUSTOM

    shelf = made.shelf
    root, targets, stamp = shelf.newest_root().signed, shelf.newest_targets(), shelf.timestamp()
    held: dict[str, tuple[Any, list[str]]] = {}
    for role in roles.TUF:
        for one in roles.keys_of(root, role):
            held.setdefault(one.id, (one, []))[1].append(role)
    listed = targets.signed.targets.values() if targets else ()
    bundles = [
        {"name": one.path, "bytes": one.length, **(one.custom or {}).get(CUSTOM, {})}
        for one in sorted(listed, key=lambda one: one.path)
    ]
    return {
        "version": root.version,
        "print": roles.print_of(root),
        "thresholds": {role: roles.threshold_of(root, role) for role in roles.TUF},
        "expires": f"{root.expires:%Y-%m-%d}",
        "targets_expire": f"{targets.signed.expires:%Y-%m-%d}" if targets else "",
        "late_from": f"{stamp.signed.expires:%Y-%m-%d}" if stamp else "",
        "keys": [told(one, held_roles) for one, held_roles in held.values()],
        "bundles": bundles,
        "staged": {
            part: {"signed": list(needs.signed), "unsigned": list(needs.unsigned), "missing": needs.missing}
            for part, needs in made.wanting().items()
        },
    }
