"""What a node says, as JSON: the form in which ESPHome frames travel.

    HOST:PORT/description   {"device": {...}, "entities": [{"type": T, "key": N, ...}, ...], "digest": D}
    HOST:PORT/state         {"type": T, "key": N, "device_id": M, ...}
    HOST:PORT/connection    {"connected": bool, "expected": bool, "reason": "..."}

    T sensor, binary_sensor, light, ... | N number of the entity, unique per M | M sub-device, 0 for the node itself
    D checksum of the description, by which a driver says that it knows it

The fields are those of the messages in ESPHome's `api.proto`, named as there; enumerations are numbers, NaN is null.
Protobuf bytes would need ESPHome's classes wherever a frame is read: in every driver, every recording, every test.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

NAMED = {"date_time": "datetime"}


def type_of(said: object) -> str:
    """`binary_sensor` of a BinarySensorState or a BinarySensorInfo."""
    name = type(said).__name__
    for ending in ("EntityState", "State", "Info"):
        if name.endswith(ending) and name != ending:
            name = name.removesuffix(ending)
            break
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    return NAMED.get(snake, snake)


def description(device: Mapping[str, Any], entities: Iterable[Mapping[str, Any]]) -> tuple[bytes, int]:
    """The description frame's bytes, and its digest."""
    said = {"device": device, "entities": list(entities)}
    digest = zlib.crc32(msgspec.json.encode(said))
    return msgspec.json.encode({**said, "digest": digest}), digest


def entity(said: Any) -> dict[str, Any]:
    """An entity or a state of the library, with its type."""
    return {"type": type_of(said), **said.to_dict()}
