"""Site walks: what is checked in an area, signed as a certificate that anybody can verify."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sluis.cli.papers import Languages, written
from sluis.cli.show import as_json, coloured, moment, out, table
from sluis.cli.where import Where

Output = click.Path(path_type=Path, dir_okay=False)


@click.group()
def commission() -> None:
    """Hand over an area: check all its points, sign, print, verify.

    \b
    sluis commission begin Hal
    sluis commission run 0645a1b2c3d4e5ab
    sluis commission judge 0645a1b2c3d4e5ab 3 skipped --note "no ladder"
    sluis commission sign 0645a1b2c3d4e5ab -o hal.certificate
    sluis commission verify hal.certificate --key audit.pub
    """


@commission.command("list")
@as_json
@click.pass_obj
def list_(where: Where, json_: bool) -> None:
    """List the site walks, newest first."""
    with where.client() as client:
        found = client.get("walks")
    if json_:
        out(found)
        return
    rows = [[w["id"], w["area"], moment(w["begun_at_us"]), w["technician"], progress(w)] for w in found]
    table(
        ["Walk", "Area", "Begun", "By", "State"],
        rows,
        "No area was walked yet: sluis commission begin AREA",
    )


@commission.command()
@click.argument("area", default="")
@click.option("--repeat", default="", help="A signed walk to do again, instead of an area.")
@as_json
@click.pass_obj
def begin(where: Where, area: str, repeat: str, json_: bool) -> None:
    """Begin a walk through AREA."""
    if bool(area) == bool(repeat):
        raise click.UsageError("name an area, or a walk to --repeat")
    with where.client() as client:
        walk = client.post("walks", body={"area": area, "repeat": repeat})
    shown(walk, json_)


@commission.command()
@click.argument("walk")
@as_json
@click.pass_obj
def show(where: Where, walk: str, json_: bool) -> None:
    """Show a walk's steps."""
    with where.client() as client:
        shown(client.get("walks", walk), json_)


@commission.command()
@click.argument("walk")
@click.option("--again", is_flag=True, help="Steps that failed as well.")
@as_json
@click.pass_obj
def run(where: Where, walk: str, again: bool, json_: bool) -> None:
    """Let the gateway do all open steps: look at values, drive controls there and back.

    Lamps and relays really switch. Exit code 1 when a step failed.
    """
    from rich.console import Console
    from rich.progress import track

    wanted = ("open", "failed") if again else ("open",)
    with where.client() as client:
        held = client.get("walks", walk)
        todo = [number for number, step in enumerate(held["steps"]) if step["outcome"] in wanted]
        for number in track(todo, "Checking", console=Console(stderr=True), transient=True):
            held = client.post("walks", walk, "steps", str(number), "attempt")
    shown(held, json_)
    if any(step["outcome"] == "failed" for step in held["steps"]):
        raise SystemExit(1)


@commission.command()
@click.argument("walk")
@click.argument("step", type=int)
@click.argument("outcome", type=click.Choice(["passed", "failed", "skipped", "open"]))
@click.option("--note", default="", help="What you saw, or why it was not done.")
@as_json
@click.pass_obj
def judge(where: Where, walk: str, step: int, outcome: str, note: str, json_: bool) -> None:
    """Say yourself how STEP came out; `open` takes it back."""
    with where.client() as client:
        shown(client.put("walks", walk, "steps", str(step), body={"outcome": outcome, "note": note}), json_)


@commission.command()
@click.argument("walk")
@click.option("-o", "--output", type=Output, help="File for the certificate [default: WALK.certificate].")
@as_json
@click.pass_obj
def sign(where: Where, walk: str, output: Path | None, json_: bool) -> None:
    """Sign a walk without open steps. It cannot be changed after that, but repeated."""
    with where.client() as client:
        written(client.fetch("POST", "walks", walk, "sign"), output or Path(f"{walk}.certificate"), json_)


@commission.command()
@click.argument("walk")
@click.option("--language", type=Languages, default="nl", show_default=True)
@click.option("--picture", "pictures", multiple=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("-o", "--output", type=Output, default=Path("report.pdf"), show_default=True)
@as_json
@click.pass_obj
def report(where: Where, walk: str, language: str, pictures: tuple[Path, ...], output: Path, json_: bool) -> None:
    """Print a signed walk as a report (PDF), with pictures and a line for a signature."""
    files = [("pictures", (one.name, one.read_bytes())) for one in pictures]
    with where.client() as client:
        made = client.fetch("POST", "walks", walk, "report", params={"language": language}, files=files or None)
    written(made, output, json_)


@commission.command()
@click.argument("walk")
@click.confirmation_option(prompt="Forget this walk?")
@click.pass_obj
def drop(where: Where, walk: str) -> None:
    """Forget a walk that was not signed."""
    with where.client() as client:
        client.delete("walks", walk)
    click.echo("Forgotten.")


@commission.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The gateway's public key [default: this gateway's own, pki/audit.pub].",
)
@as_json
@click.pass_obj
def verify(where: Where, file: Path, key: Path | None, json_: bool) -> None:
    """Verify a certificate: nothing was changed since the gateway signed it. Needs no running gateway.

    Exit code 1 when it is not genuine.
    """
    from sluis.store.signing import PublicKey
    from sluis_provision.papers.certificate import opened, print_of

    public = PublicKey.load(key or where.folder / "pki" / "audit.pub")
    certificate = opened(file.read_text("utf-8", "replace"), public.raw, public.verified)
    if json_:
        import msgspec

        out(msgspec.to_builtins(certificate))
        return
    click.echo(f"Genuine. {certificate.room} ({certificate.site}), signed by {certificate.technician}", nl=False)
    click.echo(f" {moment(certificate.signed_at_us)}; certificate {print_of(certificate)}.")
    click.echo(f"{certificate.passed} of {len(certificate.checks)} checks passed.")
    for check in certificate.checks:
        if check.result != "passed":
            click.echo(f"  {check.result}: {check.name}, {check.what}. {check.found or check.note}".rstrip())


def shown(walk: dict[str, Any], json_: bool) -> None:
    """A walk's steps."""
    if json_:
        out(walk)
        return
    click.echo(f"Walk {walk['id']} through {walk['area']}, {progress(walk)}")
    rows = [
        [str(number), coloured(step["outcome"]), step["device"], step["point"] or "is heard", found(step)]
        for number, step in enumerate(walk["steps"])
    ]
    table(["Step", "Outcome", "Device", "What", "Found"], rows, "It has no steps.")


def found(step: dict[str, Any]) -> str:
    return ", ".join(part for part in (step["found"], step["note"]) if part)


def progress(walk: dict[str, Any]) -> str:
    if walk["signed_at_us"]:
        return f"signed {moment(walk['signed_at_us'])}"
    done = sum(step["outcome"] != "open" for step in walk["steps"])
    return f"{done} of {len(walk['steps'])} done"
