"""The `sluis` command: a thin skin over the API and the rooms below."""

import click


@click.group()
@click.version_option(package_name="sluis")
def main() -> None:
    """Sluis: the gate between the things in a building and the people who look after them."""
