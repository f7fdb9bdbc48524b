"""The same questions over the serial console: one line of JSON in, one line of JSON out.

The interrupt character stays in force, so a technician's tool still gets to the prompt.
"""

import asyncio
import json
import sys

try:
    from typing import Any, Awaitable, Callable
except ImportError:  # a node has no typing
    pass

LINE_MAX = 8192


async def serve(answer: "Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]") -> None:
    """Answer each line that is a JSON object; pass over everything else."""
    console: "Any" = asyncio.StreamReader(sys.stdin)
    line = ""
    while True:
        char = await console.read(1)
        if not char:
            return
        if isinstance(char, bytes):
            char = char.decode()
        if char not in "\r\n":
            # What does not begin as an object is nobody's question, however long it gets.
            if (line or char == "{") and len(line) < LINE_MAX:
                line += char
            continue
        asked, line = line, ""
        try:
            question = json.loads(asked) if asked else None
        except ValueError:
            question = None
        if isinstance(question, dict):
            print(json.dumps(await answer(question)))
