"""Drivers that are wrong in one way each: the kit has to say so."""

from __future__ import annotations

from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "drivers"


@pytest.fixture
def example() -> tuple[str, str]:
    """Source and frames of the cookbook's driver, to be spoiled."""
    return (EXAMPLES / "acme_t1.py").read_text(), (EXAMPLES / "acme-t1.jsonl").read_text()
