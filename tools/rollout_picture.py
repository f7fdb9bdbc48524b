"""Draw docs/images/bad-release.svg: how far a release gets that fails on some nodes. The page rollout.md shows it.

    .venv/bin/python tools/rollout_picture.py

Each dot is one rollout to 1,000 nodes in virtual time. The same seeds give the same picture.
"""

from __future__ import annotations

from pathlib import Path

from sluis.fleet import Criteria, Limits, Plan, Release, Target, in_waves
from sluis.selftest.rollout import Fleet, Odds

NODES = 1_000
RUNS = 15
SHARES = (2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
"""Percent of the nodes on which the release does not come up."""
FIRST = (("1", "#c2410c"), ("10", "#0f766e"))
"""Sizes of the first wave, and their colour."""
RELEASE = Release(name="any-2.sluis", version="2", sequence=2, size_bytes=200_000)
LEFT, TOP, WIDTH, HEIGHT = 70, 50, 620, 260
PICTURE = Path(__file__).parents[1] / "docs/images/bad-release.svg"


def reached(first: str, percent: int, seed: int) -> int:
    """How many nodes ever ran the release."""
    targets = [Target(key=f"n{number:04}", area=f"floor {number % 7}") for number in range(NODES)]
    plan = Plan(
        id="picture",
        release=RELEASE,
        waves=in_waves(targets, (first, "10%", "rest")),
        criteria=Criteria(),
        limits=Limits(at_once=50),
    )
    return len(Fleet(plan, Odds(bad=percent / 100), seed).run().reached)


def drawing() -> str:
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 30} {TOP + HEIGHT + 60}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="14">Nodes that ever ran a bad release, of {NODES:,}: '
        "a first wave, 10 %, the rest</text>",
    ]
    for count in (0, 40, 80, 120, 160, 200, 240):
        y = height(count)
        lines.append(f'<path d="M{LEFT} {y:.1f}h{WIDTH}" stroke="#ddd"/>')
        lines.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{count}</text>')
    for number, percent in enumerate(SHARES):
        lines.append(f'<text x="{across(number)}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{percent} %</text>')
    lines.append(
        f'<text x="{LEFT + WIDTH // 2}" y="{TOP + HEIGHT + 40}" text-anchor="middle">'
        "share of the nodes on which the release does not come up</text>"
    )
    for place, (first, colour) in enumerate(FIRST):
        lines.append(f'<circle cx="{LEFT + 6 + place * 160}" cy="36" r="4" fill="{colour}"/>')
        lines.append(f'<text x="{LEFT + 16 + place * 160}" y="40">first wave of {first}</text>')
        for number, percent in enumerate(SHARES):
            for seed in range(RUNS):
                x = across(number) - 9 + place * 10 + seed * 8 / RUNS
                y = height(reached(first, percent, seed))
                lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}" fill-opacity="0.6"/>')
    return "\n".join([*lines, "</svg>", ""])


def across(number: int) -> int:
    return LEFT + 30 + number * (WIDTH - 60) // (len(SHARES) - 1)


def height(count: int) -> float:
    return TOP + HEIGHT - count * HEIGHT / 240


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(drawing())
