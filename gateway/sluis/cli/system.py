"""Commands about the gateway itself: links, storage, bench, completion."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from sluis.cli.lazy import Failure
from sluis.cli.show import age, as_json, coloured, facts, moment, out, size, table
from sluis.cli.where import Where


@click.command()
@as_json
@click.pass_obj
def links(where: Where, json_: bool) -> None:
    """Show the links to devices and their health. Exit code 1 when one is down.

    \b
    sluis links
    """
    with where.client() as client:
        found = client.every("links")
    if json_:
        out(found)
    else:
        rows = [
            [
                k["name"],
                k["kind"],
                coloured("online") if k["up"] else coloured("offline"),
                age(k["since_us"]),
                str(k["received"]),
                str(k["dropped"]),
                k["reason"],
            ]
            for k in found
        ]
        table(
            ["Link", "Kind", "State", "Since", "Received", "Dropped", "Why"],
            rows,
            "No links. Set one up in the configuration.",
        )
    if not all(each["up"] for each in found):
        raise click.exceptions.Exit(1)


@click.group()
def link() -> None:
    """Look into one link, and at what was tried to bring links back.

    \b
    sluis link show mqtt
    sluis link history
    """


@link.command()
@click.argument("name")
@as_json
@click.pass_obj
def show(where: Where, name: str, json_: bool) -> None:
    """Show the link NAME. Exit code 1 when it is down or hears none of its devices."""
    with where.client() as client:
        one = next((each for each in client.every("links") if each["name"] == name), None)
    if one is None:
        raise Failure(f"there is no link {name!r}", hint="sluis links")
    silent = one["up"] and one["devices"] and not one["reachable"]
    if json_:
        out(one)
    else:
        facts(
            [
                ("Kind", f"{one['kind']} {one['address']}"),
                ("State", (coloured("online") if one["up"] else coloured("offline")) + f" {one['reason']}"),
                ("Since", age(one["since_us"])),
                ("Devices", f"{one['reachable']} of {one['devices']} heard"),
                ("Last frame", age(one["heard_us"])),
                ("Received", str(one["received"])),
                ("Sent", str(one["sent"])),
                ("Dropped", str(one["dropped"])),
                ("Tried now", one["rung"]),
                ("Recording", one["recording"]),
                *((key, str(value)) for key, value in one["notes"].items()),
            ]
        )
    if silent or not one["up"]:
        raise click.exceptions.Exit(1)


@link.command()
@click.argument("name", default="")
@click.option("--limit", default=30, show_default=True, help="How many steps at most.")
@as_json
@click.pass_obj
def history(where: Where, name: str, limit: int, json_: bool) -> None:
    """Show what was tried to bring the link NAME back (or any link), and how often each step helped."""
    with where.client() as client:
        rungs = client.get("links", "rungs", link=name)
        steps = client.every("links", "steps", link=name, limit=limit)
    if json_:
        out({"rungs": rungs, "steps": steps})
        return
    table(
        ["Link", "Step", "Tried", "Helped", "Took", "Last"],
        [
            [
                one["link"],
                one["rung"],
                str(one["tries"]),
                f"{one['healed']} ({100 * one['healed'] / one['tries']:.0f} %)",
                f"{one['mean_s']:.1f} s",
                age(one["last_us"]),
            ]
            for one in rungs
        ],
        "Nothing had to be brought back yet.",
    )
    for one in steps:
        outcome = "helped" if one["healed"] else "did not help"
        click.echo(f"{moment(one['at_us'])}  {one['link']}  {one['rung']}  {outcome}  {one['detail']}".rstrip())


@click.command()
@click.argument("link")
@click.option("--stop", is_flag=True, help="Stop, and say where the file is.")
@as_json
@click.pass_obj
def record(where: Where, link: str, stop: bool, json_: bool) -> None:
    """Write every frame that arrives on LINK to a file on the gateway, until it is stopped.

    \b
    sluis record mqtt
    sluis record mqtt --stop
    """
    with where.client() as client:
        made = client.delete("links", link, "recording") if stop else client.put("links", link, "recording")
    if json_:
        out(made)
    elif stop:
        click.echo(f"Written: {made['file']}" if made["file"] else f"{link} was not recorded.")
    else:
        click.echo(f"Recording to {made['file']}. Stop with: sluis record {link} --stop")


@click.group()
def storage() -> None:
    """Show what is written to the card, and how long it lasts."""


@storage.command()
@as_json
@click.pass_obj
def budget(where: Where, json_: bool) -> None:
    """Bytes written per day by each part of the gateway, and the projected life of the card.

    \b
    sluis storage budget
    """
    with where.client() as client:
        found = client.get("storage")
    if json_:
        out(found)
        return
    rows = [[line["subsystem"], size(line["bytes_per_day"]) + " a day"] for line in found["lines"]]
    rows.append(["all together", size(found["total_bytes_per_day"]) + " a day"])
    table(["Part", "Writes"], rows, "")
    life = found["card_life_years"]
    click.echo()
    click.echo(
        f"Budget: {size(found['budget_bytes_per_day'])} a day. "
        + (
            f"The card lasts about {life:.1f} years at this rate."
            if life
            else "How long the card lasts is not known yet."
        )
    )
    if found["note"]:
        click.echo(found["note"])


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(arguments: tuple[str, ...]) -> None:
    """Measure this machine's speed. Needs a checkout; ARGUMENTS go to its bench package.

    \b
    sluis bench
    """
    home = next((each for each in Path(__file__).resolve().parents if (each / "bench" / "__main__.py").is_file()), None)
    if home is None:
        raise Failure(
            "the benchmarks are in the source, not in the installed package", "Clone the repository and run: make bench"
        )
    command = [sys.executable, "-m", "bench", *arguments]
    done = subprocess.run(command, cwd=home, check=False)  # noqa: S603  # our own module
    raise click.exceptions.Exit(done.returncode)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), default="bash")
def completion(shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    sluis completion bash >> ~/.bashrc
    sluis completion fish > ~/.config/fish/completions/sluis.fish
    """
    from click.shell_completion import get_completion_class

    from sluis.cli import main

    maker = get_completion_class(shell)
    assert maker is not None
    click.echo(maker(main, {}, "sluis", "_SLUIS_COMPLETE").source())
