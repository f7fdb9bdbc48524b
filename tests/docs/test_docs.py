"""What the docs promise is there: settings, error codes, names in the code tour, links between pages."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
from pathlib import Path

import pytest

import sluis
from sluis.model import SluisError

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"])


def all_errors(cls: type[SluisError] = SluisError) -> set[type[SluisError]]:
    return {cls}.union(*(all_errors(sub) for sub in cls.__subclasses__()))


def import_everything() -> None:
    for module in pkgutil.walk_packages(sluis.__path__, "sluis."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def test_every_error_code_has_a_heading() -> None:
    import_everything()
    text = (DOCS / "reference" / "errors.md").read_text()
    headings = set(re.findall(r"^#+ `([^`]+)`", text, re.M))
    codes = {error.code for error in all_errors() if error.__module__.startswith("sluis")}
    assert codes - headings == set()


def test_every_setting_is_documented_and_the_page_is_fresh() -> None:
    spec = importlib.util.spec_from_file_location("settings_reference", ROOT / "tools" / "settings_reference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.reference()
    undocumented = re.findall(r"^\| (`\w+`) \| .* \|  \|$", page, re.M)
    assert undocumented == []
    assert (DOCS / "reference" / "settings.md").read_text() == page, "run: python tools/settings_reference.py"


def test_the_code_tour_names_things_that_exist() -> None:
    text = (DOCS / "CODE_TOUR.md").read_text()
    names = set(re.findall(r"`(sluis(?:_drivers)?(?:\.\w+)+)`", text))
    assert len(names) > 20
    for name in names:
        assert resolve(name), f"CODE_TOUR names {name}, which does not exist"


def resolve(name: str) -> bool:
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_driver_has_a_page_and_the_index_is_fresh() -> None:
    spec = importlib.util.spec_from_file_location("drivers_index", ROOT / "tools" / "drivers_index.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (DOCS / "drivers" / "README.md").read_text()
    assert page == module.index(), "run: python tools/drivers_index.py"
    without = re.findall(r"^\| (`[^`]+`) \|", page, re.M)
    assert without == [], "docs/drivers/KEY.md is missing"
