"""A telemetry message as text (docs/reference/node-telemetry.md). Pure.

The instant is put together from whole numbers: most boards have floats of 32 bits, which are minutes off in Unix time.
"""

import json

try:
    from typing import Any
except ImportError:  # a node has no typing
    pass


def message(boot: str, seq: int, at_ms: "int | None", values: "dict[str, Any]") -> bytes:
    """`at_ms` is Unix time in milliseconds, None where it is not known."""
    out = '{"boot":"%s","seq":%d' % (boot, seq)
    if at_ms is not None:
        out += ',"at":%d.%03d' % (at_ms // 1000, at_ms % 1000)
    for key, value in values.items():
        out += ",%s:%s" % (json.dumps(key), json.dumps(value))
    return (out + "}").encode()
