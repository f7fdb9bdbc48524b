"""The types of entity of an ESPHome node, as points.

Fields and numbers are those of ESPHome's `api.proto` (API 1.18).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sluis.model.units import SWITCHED, TRIGGERED, WORDED
from sluis.sdk import Implausible, Occurrence, Point, Reading, Value, firmware
from sluis.sdk.payload import number_of, text_of
from sluis_drivers.esphome import parts
from sluis_drivers.esphome.climate import climate, water_heater
from sluis_drivers.esphome.light import light
from sluis_drivers.esphome.parts import CHOICE, PERCENT, SWITCH, TEXT, TRIGGER, Entity, Said

MOVES = ("open", "closed", "opening", "closing")
LOCKS = parts.numbered("none", "locked", "unlocked", "jammed", "locking", "unlocking", "opening", "open")
LOCK, UNLOCK, UNLATCH = 1, 0, 2
PLAYS = parts.numbered("none", "idle", "playing", "paused", "announcing", "off", "on")
PLAY_COMMANDS: Mapping[str, int] = {"play": 0, "pause": 1, "stop": 2}
MUTE, UNMUTE = 3, 4
INSTALL, CHECK = 1, 2
ALARMS = parts.numbered(
    "disarmed",
    "armed_home",
    "armed_away",
    "armed_night",
    "armed_vacation",
    "armed_custom_bypass",
    "pending",
    "arming",
    "disarming",
    "triggered",
)
DIRECTIONS = parts.numbered("forward", "reverse")


def sensor(entity: Entity) -> None:
    entity.add(read=parts.number("state", unknown=True), **entity.measure())


def binary_sensor(entity: Entity) -> None:
    quantity = entity.text("device_class")
    entity.add(read=parts.switch("state"), quantity=quantity if quantity in SWITCHED else "", **SWITCH)


def switch(entity: Entity) -> None:
    quantity = entity.text("device_class")
    quantity = quantity if quantity in ("outlet", "switch") else "switch"
    entity.add(read=parts.switch("state"), write=parts.sends_switch("state"), quantity=quantity, **SWITCH)


def text_sensor(entity: Entity) -> None:
    quantity = entity.text("device_class")
    entity.add(read=parts.text("state"), quantity=quantity if quantity in WORDED else "", **TEXT)


def number(entity: Entity) -> None:
    span = entity.span("min_value", "max_value", "step")
    entity.add(read=parts.number("state"), write=parts.sends_number("state"), **span, **entity.measure())


def select(entity: Entity) -> None:
    options = entity.texts("options")
    if options:
        write = parts.sends_word("state", options)
        entity.add(read=parts.text("state"), write=write, options=options, **CHOICE)


def text(entity: Entity) -> None:
    entity.add(read=parts.text("state"), write=parts.sends_word("state", ()), **TEXT)


def button(entity: Entity) -> None:
    quantity = entity.text("device_class")
    entity.add(write=lambda _key, _value: {}, quantity=quantity if quantity in TRIGGERED else "button", **TRIGGER)


def event(entity: Entity) -> None:
    quantity = entity.text("device_class")
    entity.add(
        read=_happened,
        options=entity.texts("event_types"),
        quantity=quantity if quantity in TRIGGERED else "button",
        **TRIGGER,
    )


def _happened(point: Point, said: Said) -> Occurrence:
    what = text_of(said.get("event_type"), 60)
    if not what:
        raise Implausible(f"{point.key}: an event without a type")
    return point.occurred(what)


def fan(entity: Entity) -> None:
    entity.add(read=parts.switch("state"), write=parts.sends_switch("state"), quantity="fan", **SWITCH)
    speeds = entity.flags("supported_speed_count")
    if entity.has("supports_speed") and 0 < speeds < 1000:
        write: parts.Write = lambda key, value: {  # noqa: E731
            name: int(level) for name, level in parts.sends_number("speed_level")(key, value).items()
        }
        entity.add("speed", read=parts.number("speed_level"), write=write, minimum=0, maximum=speeds, step=1)
    if entity.has("supports_oscillation"):
        entity.add("oscillating", read=parts.switch("oscillating"), write=parts.sends_switch("oscillating"), **SWITCH)
    if entity.has("supports_direction"):
        options = tuple(DIRECTIONS.values())
        write = parts.sends_index("direction", DIRECTIONS, options)
        entity.add("direction", read=parts.words("direction", DIRECTIONS), write=write, options=options, **CHOICE)
    presets = entity.texts("supported_preset_modes")
    if presets:
        write = parts.sends_word("preset_mode", presets)
        entity.add("preset", read=_named("preset_mode"), write=write, options=presets, **CHOICE)


def _named(key: str) -> parts.Read:
    """A word that may be empty, which says nothing."""
    return lambda point, said: point(text_of(said.get(key))) if text_of(said.get(key)) else None


def cover(entity: Entity) -> None:
    """A switch, open or not, which is confirmed at rest; its exact state and what else it can beside it."""
    _opening(entity)
    if entity.has("supports_tilt"):
        read, write = parts.number("tilt", scale=100), parts.sends_number("tilt", scale=0.01)
        entity.add("tilt", read=read, write=write, **PERCENT)


def valve(entity: Entity) -> None:
    _opening(entity)


def _opening(entity: Entity) -> None:
    quantity = entity.text("device_class")
    move = parts.sends_switch("position")
    entity.add(
        read=_is_open,
        write=lambda key, value: {"position": float(move(key, value)["position"])},
        quantity=quantity if quantity in SWITCHED else "opening",
        **SWITCH,
    )
    entity.add("state", read=_moves, options=MOVES, **CHOICE)
    if entity.has("supports_stop"):
        entity.add("stop", write=lambda _key, _value: {"stop": True}, **TRIGGER)
    if entity.has("supports_position"):
        read, write = parts.number("position", scale=100), parts.sends_number("position", scale=0.01)
        entity.add("position", read=read, write=write, **PERCENT)


def _is_open(point: Point, said: Said) -> Reading | None:
    """Nothing while it moves: it is neither yet."""
    return point(number_of(said.get("position")) > 0) if said.get("current_operation") == 0 else None


def _moves(point: Point, said: Said) -> Reading:
    operation = said.get("current_operation")
    if operation in (1, 2):
        return point("opening" if operation == 1 else "closing")
    return point("open" if number_of(said.get("position")) > 0 else "closed")


def lock(entity: Entity) -> None:
    if not entity.has("requires_code"):
        command = parts.sends_switch("command")
        entity.add(
            "locked",
            read=_locked,
            write=lambda key, value: {"command": LOCK if command(key, value)["command"] else UNLOCK},
            **SWITCH,
        )
    else:
        entity.add("locked", read=_locked, **SWITCH)
    entity.add("state", read=parts.words("state", LOCKS), options=tuple(LOCKS.values()), **CHOICE)
    if entity.has("supports_open"):
        entity.add("open", write=lambda _key, _value: {"command": UNLATCH}, **TRIGGER)


def _locked(point: Point, said: Said) -> Reading | None:
    """What is on its way or jammed is neither yet."""
    settled = {"locked": True, "unlocked": False, "open": False}
    index = said.get("state")
    word = LOCKS.get(index, "") if type(index) is int else ""
    return point(settled[word]) if word in settled else None


def siren(entity: Entity) -> None:
    entity.add(read=parts.switch("state"), write=parts.sends_switch("state"), quantity="sound", **SWITCH)


def media_player(entity: Entity) -> None:
    entity.add("state", read=parts.words("state", PLAYS), options=tuple(PLAYS.values()), **CHOICE)
    read, write = parts.number("volume", scale=100), parts.sends_number("volume", scale=0.01)
    entity.add("volume", read=read, write=write, **PERCENT)
    muted = parts.sends_switch("command")
    entity.add(
        "muted",
        read=parts.switch("muted"),
        write=lambda key, value: {"command": MUTE if muted(key, value)["command"] else UNMUTE},
        **SWITCH,
    )
    for word, index in PLAY_COMMANDS.items():
        entity.add(word, write=_presses(index), **TRIGGER)


def _presses(index: int) -> parts.Write:
    return lambda _key, _value: {"command": index}


def alarm_control_panel(entity: Entity) -> None:
    """Read only: arming a building is nothing for a gateway without a code."""
    entity.add(read=parts.words("state", ALARMS), options=tuple(ALARMS.values()), **CHOICE)


def update(entity: Entity) -> None:
    """Whether there is a newer version, and under the names that all drivers use what it is and how it is installed.

    A node that updates answers nothing until it has started again; that it failed it says by installing no more."""
    entity.add(read=_newer, quantity="update", category="diagnostic", **SWITCH)
    entity.parts += [
        parts.Part(firmware.INSTALLED, parts.text("current_version")),
        parts.Part(firmware.AVAILABLE, parts.text("latest_version")),
        parts.Part(firmware.STATE, _installs),
        parts.Part(firmware.PROGRESS, _done),
        parts.Part(firmware.UPDATE, write=_install),
        parts.Part(firmware.CHECK, write=lambda _key, _value: {"command": CHECK}),
    ]


def _installs(point: Point, said: Said) -> Reading:
    return point(firmware.DOWNLOADING if said.get("in_progress") is True else firmware.IDLE)


def _done(point: Point, said: Said) -> Reading | None:
    return point(number_of(said.get("progress"))) if said.get("has_progress") is True else None


def _install(_key: str, value: Value | None) -> dict[str, int]:
    firmware.newest_only(value)
    return {"command": INSTALL}


def _newer(point: Point, said: Said) -> Reading:
    return point(text_of(said.get("current_version")) != text_of(said.get("latest_version")))


def date(entity: Entity) -> None:
    entity.add(read=_joined("{:04d}-{:02d}-{:02d}", "year", "month", "day"), quantity="date", **TEXT)


def time(entity: Entity) -> None:
    entity.add(read=_joined("{:02d}:{:02d}:{:02d}", "hour", "minute", "second"), **TEXT)


def _joined(form: str, *keys: str) -> parts.Read:
    return lambda point, said: point(form.format(*(round(number_of(said.get(key))) for key in keys))[:20])


TYPES: Mapping[str, Callable[[Entity], None]] = {
    make.__name__: make
    for make in (
        alarm_control_panel,
        binary_sensor,
        button,
        climate,
        cover,
        date,
        event,
        fan,
        light,
        lock,
        media_player,
        number,
        select,
        sensor,
        siren,
        switch,
        text,
        text_sensor,
        time,
        update,
        valve,
        water_heater,
    )
}
"""Type -> what makes its points. Cameras, infrared and radio senders have no value to show."""
