"""A template: compiled once, rendered for every frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import jinja2
import msgspec

from sluis.wire.templates.budget import CURRENT, PAYLOAD_MAX, TEXT_MAX, Budget, TemplateFailed, TooMuch
from sluis.wire.templates.fast import shortcut
from sluis.wire.templates.sandbox import compiled

CACHED = 4_096
"""Compiled templates kept, some 6 KB each. Entities of one kind share a template, so 4,096 serve a large building."""

MISSING: Any = object()
"""`value_json` of a payload that is no JSON."""

_EPOCH = datetime.fromtimestamp(0, UTC)


class Template:
    """One template. `render` gives text, as Home Assistant's rendering does, without leading and trailing space."""

    __slots__ = ("_compiled", "_quick", "_source")

    def __init__(self, source: str) -> None:
        self._source = source
        self._quick: Callable[[str | bytes, Any], str | None] | None = shortcut(source)
        self._compiled: jinja2.Template | None = None if self._quick else compiled(source)

    @property
    def is_fast(self) -> bool:
        """Whether it renders without Jinja (unless a payload is not as expected)."""
        return self._quick is not None

    def render(
        self,
        value: str | bytes | float | bool | None,
        value_json: Any = MISSING,
        variables: Mapping[str, Any] | None = None,
        at: datetime = _EPOCH,
    ) -> str:
        """The template's output. TemplateFailed with the reason when there is none.

        value: what was received or wished; value_json: the same decoded, MISSING when it is no JSON;
        at: when it was received, which is what the template's `now()` says.
        """
        if self._quick is not None and isinstance(value, str):
            quick = self._quick(value, value_json)
            if quick is not None:
                return quick
        return self._slow(value, value_json, variables, at)

    def _slow(self, value: Any, value_json: Any, variables: Mapping[str, Any] | None, at: datetime) -> str:
        if isinstance(value, str | bytes) and len(value) > PAYLOAD_MAX:
            raise TooMuch("the payload is too long for a template")
        if self._compiled is None:
            self._compiled = compiled(self._source)
        names: dict[str, Any] = dict(variables or {})
        names["value"] = value
        if value_json is not MISSING:
            names["value_json"] = value_json
        token = CURRENT.set(Budget(at))
        try:
            return self._collect(self._compiled, names)
        except TemplateFailed:
            raise
        except jinja2.TemplateError as error:
            raise TemplateFailed(f"{error} in the template {self._source!r:.80}") from error
        except RecursionError as error:
            raise TemplateFailed("the template goes too deep") from error
        except Exception as error:
            # Whatever an expression of a stranger's template raises (division by zero, a wrong type) is a fault
            # of that template.
            raise TemplateFailed(f"{type(error).__name__}: {error} in the template {self._source!r:.80}") from error
        finally:
            CURRENT.reset(token)

    @staticmethod
    def _collect(template: jinja2.Template, names: dict[str, Any]) -> str:
        parts: list[str] = []
        length = 0
        for part in template.root_render_func(template.new_context(names)):
            length += len(part)
            if length > TEXT_MAX:
                raise TooMuch("the template writes too much")
            parts.append(part)
        return "".join(parts).strip()


@lru_cache(maxsize=CACHED)
def compile_template(source: str) -> Template:
    """The template of this source, from the cache where it was seen before. TemplateFailed when it may not be used."""
    return Template(source)


def parse_json(text: str | bytes) -> Any:
    """The payload decoded, or MISSING when it is no JSON."""
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return MISSING
