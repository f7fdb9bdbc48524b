"""Finding driver classes: in a module, in a package, in a file. Importing one registers nothing."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from sluis.model import DriverError
from sluis.sdk.driver import Driver
from sluis.sdk.standin import StandIn
from sluis.sdk.stated import insist, needs, stated


def drivers_in(module: ModuleType) -> Iterator[type[Driver]]:
    """The driver classes a module defines (not those it imports)."""
    for _, cls in inspect.getmembers(module, inspect.isclass):
        if issubclass(cls, Driver) and cls.__module__ == module.__name__ and "about" in vars(cls):
            yield cls


def drivers_of(package: ModuleType) -> Iterator[type[Driver]]:
    """All drivers of a package and its subpackages. An import that fails raises."""
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        yield from drivers_in(importlib.import_module(found.name))


def drivers_of_file(path: Path) -> list[type[Driver]]:
    """The drivers of one file. Raises whatever the file raises; DriverError when it defines none."""
    return drivers_of_text(path.read_bytes(), str(path))


def stand_in_of_file(path: Path) -> type[StandIn]:
    """The stand-in of one file. Raises whatever the file raises; DriverError when it defines none, or several."""
    name = f"sluis_standin_{path.stem}"
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # a dataclass looks its module up
    exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)  # noqa: S102 - its author's own file
    found = [one for one in vars(module).values() if inspect.isclass(one) and issubclass(one, StandIn)]
    own = [one for one in found if one.__module__ == name]
    if len(own) != 1:
        raise DriverError(
            f"{path.name} defines {len(own)} stand-ins, not one", hint="A stand-in is a class of StandIn."
        )
    return own[0]


def drivers_of_text(text: bytes, origin: str) -> list[type[Driver]]:
    """The drivers of a file's text, read from `origin` earlier. Raises as `drivers_of_file`; DriverError also when it
    needs a newer SDK, or a distribution that is not installed."""
    path = Path(origin)
    insist(path.name, stated(text))
    name = f"sluis_dropin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise DriverError(f"{path.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        # Compiled from the source each time: two versions within one second, of one size, share a cached .pyc.
        exec(compile(text, origin, "exec"), module.__dict__)  # noqa: S102 - this is what a drop-in is
        classes = list(drivers_in(module))
        if not classes:
            raise DriverError(f"{path.name} defines no driver", hint="A driver is a class with an `about`.")
        insist(path.name, needs([cls.about for cls in classes]))
    except BaseException:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
        raise
    return classes
