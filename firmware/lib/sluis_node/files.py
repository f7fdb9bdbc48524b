"""Small files on flash: written whole or not at all."""

import io
import json
import os
import sys

try:
    from typing import Any
except ImportError:  # a node has no typing
    pass


def read(path: str) -> "bytes | None":
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def read_json(path: str) -> "Any":
    """What the file holds; None when there is none, or when it is damaged."""
    try:
        return json.loads((read(path) or b"").decode())
    except (ValueError, UnicodeError):
        return None


def write(path: str, data: "str | bytes") -> None:
    """Replace a file. A power cut leaves the old one or the new one (littlefs renames in one step)."""
    with open(path + ".new", "wb") as file:
        file.write(data.encode() if isinstance(data, str) else data)
    os.rename(path + ".new", path)


def remove(path: str) -> None:
    try:
        os.remove(path)
    except OSError:
        pass


def write_crash(error: BaseException) -> None:
    """Keep where it went wrong, for the next start."""
    text = io.StringIO()
    sys.print_exception(error, text)
    write("/crash.txt", text.getvalue()[-1000:])
    sys.print_exception(error)
