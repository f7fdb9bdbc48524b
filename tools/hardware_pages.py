"""Write docs/hardware/*.md and their drawings from the profiles in hardware/. `python tools/hardware_pages.py`."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path

from sluis.links.gpio.profiles import Board, Bus, Hat, boards, hats

TARGET = Path(__file__).parent.parent / "docs" / "hardware"
MADE = "Made from `hardware/` by `python tools/hardware_pages.py`; do not edit."

ROW = 22
"""Height of a row of two pins."""
TOP = 34
LEFT, RIGHT = 250, 286
"""Where the two columns of pins are."""
WIDTH = LEFT + RIGHT
COLOURS = {"power": "#c0392b", "ground": "#333333", "gpio": "#2e7d32", "bus": "#1565c0", "hat": "#b26a00"}


def drawing(board: Board, hat: Hat | None = None) -> str:
    """The header as one looks down on the board, pin 1 at the top left. With a HAT only what that uses is named."""
    uses = _uses_of_hat(board, hat) if hat else _uses_of_board(board)
    rows = len(board.header.pins) // 2
    height = TOP + rows * ROW + 12
    title = f"{hat.name} on the 40-pin header" if hat else f"Header of the {board.name}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="12" role="img" aria-label="{escape(title)}">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{WIDTH / 2:g}" y="18" text-anchor="middle" font-weight="bold">{escape(title)}</text>',
        f'<rect x="{LEFT - 14}" y="{TOP - 4}" width="{RIGHT - LEFT + 28}" height="{rows * ROW + 6}" rx="4" '
        'fill="#e8e8e8"/>',
    ]
    for index, name in enumerate(board.header.pins):
        lines += _pin(index, name, uses.get(name, ()))
    return "\n".join([*lines, "</svg>", ""])


def _pin(index: int, name: str, use: tuple[str, ...]) -> list[str]:
    """A dot with its number, its name and what it is for."""
    is_left = index % 2 == 0
    x, y = LEFT if is_left else RIGHT, TOP + index // 2 * ROW + ROW / 2
    kind = "power" if name in ("3V3", "5V") else "ground" if name == "GND" else use[0] if use else "gpio"
    words = " · ".join([name, *use[1:]] if not is_left else [*reversed(use[1:]), name])
    shape = (
        f'<rect x="{x - 8}" y="{y - 8:g}" width="16" height="16"'
        if index == 0
        else f'<circle cx="{x}" cy="{y:g}" r="8"'
    )
    anchor, at = ("end", x - 22) if is_left else ("start", x + 22)
    return [
        f'{shape} fill="{COLOURS[kind]}"/>',
        f'<text x="{x}" y="{y + 3.5:g}" text-anchor="middle" font-size="9" fill="#ffffff">{index + 1}</text>',
        f'<text x="{at}" y="{y + 4:g}" text-anchor="{anchor}">{escape(words)}</text>',
    ]


def _uses_of_board(board: Board) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for bus in board.buses.values():
        for signal, gpio in bus.pins.items():
            found[f"GPIO{gpio}"] = (*found.get(f"GPIO{gpio}", ("bus",)), f"{signal} {bus.name}")
    return found


def _uses_of_hat(board: Board, hat: Hat) -> Mapping[str, tuple[str, ...]]:
    found = {
        f"GPIO{gpio}": ("bus", f"{signal} {name}")
        for name in hat.buses
        for signal, gpio in board.buses[name].pins.items()
    }
    return found | {f"GPIO{pin.gpio}": ("hat", pin.name) for pin in hat.pin}


def board_page(board: Board) -> str:
    lines = [
        f"# {board.name}",
        f"{MADE}\nProfile key `{board.key}`: `sluis board show {board.key}`.",
        f"![Header of the {board.name}]({board.key}.svg)",
        _table(
            ("", ""),
            [
                ("processor", board.soc),
                ("chip of the header", f"`{board.chip}` (the gateway finds it by this label)"),
                ("memory", board.memory),
                ("supply", board.power.supply),
                ("5 V pins", board.power.pins_5v),
                ("3.3 V pins", board.power.pins_3v3),
                ("GPIO pins", board.power.gpio),
                ("starts from", board.flash.medium),
            ],
        ),
        f"## Flashing\n\n{board.flash.how}",
        "## Buses\n\nA bus that is in use has its pins. "
        + "`[gpio] buses` names those in use besides the ones that a HAT uses.\n\n"
        + _table(("bus", "kind", "pins", "switched on by", "device", ""), [_bus(bus) for bus in board.buses.values()]),
        _list("Notes", board.notes),
        _list("Sources", board.sources),
    ]
    return "\n\n".join(one for one in lines if one) + "\n"


def _bus(bus: Bus) -> tuple[str, ...]:
    pins = ", ".join(f"{signal} GPIO{gpio}" for signal, gpio in bus.pins.items())
    return f"`{bus.name}`", bus.kind, pins, _code(bus.enable) or "always on", _code(bus.device), bus.about


def hat_page(hat: Hat) -> str:
    pins = [
        (
            f"GPIO{pin.gpio}",
            pin.name,
            pin.kind,
            "low" if pin.active_low else "high",
            pin.about,
            "yes" if pin.offered else "",
        )
        for pin in hat.pin
    ]
    lines = [
        f"# {hat.name}",
        f'{MADE}\nProfile key `{hat.key}`: `[gpio] hats = ["{hat.key}"]`.',
        hat.about,
        f"![{hat.name}]({hat.key}.svg)",
        _table(
            ("", ""),
            [
                row
                for row in (("power", hat.power), ("load", hat.load), ("buses", ", ".join(map(_code, hat.buses))))
                if row[1]
            ],
        ),
        "## Pins\n\n" + _table(("pin", "name", "kind", "on when", "for", "yours to use"), pins),
        _list("Notes", hat.notes),
        _list("Sources", hat.sources),
    ]
    return "\n\n".join(one for one in lines if one) + "\n"


def index() -> str:
    rows = [(f"[{one.name}]({one.key}.md)", "board", f"`{one.key}`") for one in boards().values()]
    rows += [(f"[{one.name}]({one.key}.md)", "HAT", f"`{one.key}`") for one in hats().values()]
    about = (
        "Pins, buses, power and flashing of the boards and HATs that Sluis knows. "
        "How to wire and use pins: [gpio](../how-to/gpio.md)."
    )
    return "\n\n".join(("# Hardware", f"{MADE}\n{about}", _table(("", "what", "key"), rows))) + "\n"


def pages() -> dict[str, str]:
    """File name -> content, of everything in docs/hardware."""
    known = boards()
    found = {"README.md": index()}
    for board in known.values():
        found |= {f"{board.key}.md": board_page(board), f"{board.key}.svg": drawing(board)}
    for hat in hats().values():
        found |= {f"{hat.key}.md": hat_page(hat), f"{hat.key}.svg": drawing(known["pi-4b"], hat)}
    return found


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return "\n".join(["| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *rows)])


def _list(title: str, items: tuple[str, ...]) -> str:
    return f"## {title}\n\n" + "\n".join(f"- {item}" for item in items) if items else ""


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


if __name__ == "__main__":
    TARGET.mkdir(exist_ok=True)
    for name, content in pages().items():
        (TARGET / name).write_text(content, encoding="utf-8")
