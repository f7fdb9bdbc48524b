"""Users, API tokens and the audit log."""

from __future__ import annotations

import time
from typing import Any

import click

from sluis.cli.lazy import Failure
from sluis.cli.show import age, as_json, moment, out, table
from sluis.cli.where import Where

ROLES = click.Choice(["viewer", "operator", "technician", "admin"])


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def users(ctx: click.Context, json_: bool) -> None:
    """List the users.

    \b
    sluis users
    sluis users add anna --role technician --full-name "Anna de Wit"
    sluis users add guard --role operator --area Reception
    sluis users disable anna
    sluis users password anna
    """
    if ctx.invoked_subcommand is not None:
        return
    with ctx.obj.client() as client:
        found = client.every("users")
    if json_:
        out(found)
        return
    rows = [
        [
            u["name"],
            u["full_name"],
            u["role"],
            areas(u),
            "disabled" if u["disabled"] else "",
            age(u.get("signed_in_at_us")),
        ]
        for u in found
    ]
    table(
        ["Name", "Full name", "Role", "Areas", "", "Signed in"],
        rows,
        "No users yet. Open the panel with the set-up code that the gateway printed.",
    )


@users.command("add")
@click.argument("name")
@click.option("--role", type=ROLES, default="viewer", show_default=True)
@click.option("--area", multiple=True, help="The role holds in this area only; may be repeated.")
@click.option("--full-name", default="")
@click.option("--email", default="")
@click.password_option(help="Asked for when left out.")
@click.pass_obj
def add_user(
    where: Where, name: str, role: str, area: tuple[str, ...], full_name: str, email: str, password: str
) -> None:
    """Add the user NAME. The password is asked for, never shown."""
    body: dict[str, Any] = {"name": name, "role": role, "password": password, "full_name": full_name, "email": email}
    with where.client() as client:
        made = client.post("users", body=body | ({"areas": list(area)} if area else {}))
    click.echo(f"{made['name']} can sign in as {made['role']}.")


@users.command("disable")
@click.argument("name")
@click.option("--enable", is_flag=True, help="Let in again.")
@click.pass_obj
def disable_user(where: Where, name: str, enable: bool) -> None:
    """Keep the user NAME out, and end every session. What was done stays in the audit log."""
    with where.client() as client:
        client.patch("users", name, body={"disabled": not enable})
    click.echo(f"{name} {'can sign in again' if enable else 'is kept out'}.")


@users.command("password")
@click.argument("name")
@click.password_option(help="Asked for when left out.")
@click.pass_obj
def set_password(where: Where, name: str, password: str) -> None:
    """Set a new password for the user NAME, and end every session."""
    with where.client() as client:
        client.put("users", name, "password", body={"password": password})
    click.echo(f"{name} has a new password.")


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def tokens(ctx: click.Context, json_: bool) -> None:
    """List the API tokens (never their secrets).

    \b
    sluis tokens
    sluis tokens create grafana --role viewer --days 365
    sluis tokens revoke grafana
    """
    if ctx.invoked_subcommand is not None:
        return
    with ctx.obj.client() as client:
        found = client.every("tokens")
    if json_:
        out(found)
        return
    rows = [
        [t["name"], t["role"], areas(t), " ".join(t["nouns"]), moment(t["expires_at_us"]), age(t.get("used_at_us"))]
        for t in found
    ]
    table(
        ["Name", "Role", "Areas", "Scope", "Ends", "Used"],
        rows,
        "No API tokens. Make one with: sluis tokens create NAME",
    )


@tokens.command("create")
@click.argument("name")
@click.option("--role", type=ROLES, default="viewer", show_default=True)
@click.option(
    "--scope", multiple=True, help="What it may touch, e.g. devices:read; everything its role may when left out."
)
@click.option("--area", multiple=True, help="Only in this area; may be repeated.")
@click.option("--days", default=365, show_default=True, help="How long it is good for.")
@as_json
@click.pass_obj
def create_token(
    where: Where, name: str, role: str, scope: tuple[str, ...], area: tuple[str, ...], days: int, json_: bool
) -> None:
    """Create the token NAME and print its secret, which is shown once and kept nowhere."""
    body: dict[str, Any] = {"name": name, "role": role, "expires_at_us": int((time.time() + days * 86400) * 1e6)}
    body |= {"nouns": list(scope)} if scope else {}
    body |= {"areas": list(area)} if area else {}
    with where.client() as client:
        made = client.post("tokens", body=body)
    if json_:
        out(made)
    else:
        click.echo(made["secret"])
        click.echo("Keep it now: it is shown this once.", err=True)


@tokens.command("revoke")
@click.argument("name")
@click.pass_obj
def revoke_token(where: Where, name: str) -> None:
    """Revoke the token NAME, at once."""
    with where.client() as client:
        client.delete("tokens", name)
    click.echo(f"The token {name} is revoked.")


@click.group(invoke_without_command=True)
@click.option("--limit", default=30, show_default=True, help="How many entries at most.")
@click.option("--actor", default="", help="Only by this actor, e.g. person:anna.")
@as_json
@click.pass_context
def audit(ctx: click.Context, limit: int, actor: str, json_: bool) -> None:
    """Print the log of who did what, newest first.

    \b
    sluis audit --limit 100
    sluis audit --actor person:anna
    sluis audit verify
    """
    if ctx.invoked_subcommand is not None:
        return
    with ctx.obj.client() as client:
        found = client.every("audit", limit=limit, who=actor)
    if json_:
        out(found)
        return
    rows = [[str(e["seq"]), moment(e["at_us"]), e["actor"], e["origin"], e["action"], e["object"]] for e in found]
    table(["No.", "When", "Who", "From", "What", "To what"], rows, "The log is empty: nobody has changed anything yet.")


@audit.command()
@as_json
@click.pass_obj
def verify(where: Where, json_: bool) -> None:
    """Check that the log is whole: every entry in its place, none changed. Exit code 1 when it is not."""
    with where.client() as client:
        verdict = client.get("audit", "verify")
    if json_:
        out(verdict)
    if not verdict["sound"]:
        what = "; ".join(f"at {each['seq']}: {each['what']}" for each in verdict["findings"][:5])
        hint = "Keep a copy of the database as evidence before you do anything else."
        raise Failure(f"the audit log is not whole: {what}", hint)
    if not json_:
        click.echo(
            f"The audit log is whole: {verdict['entries']} entries, {verdict['checkpoints']} signed checkpoints."
        )


def areas(holder: dict[str, Any]) -> str:
    return ", ".join(holder["areas"]) if holder.get("areas") else "all"
