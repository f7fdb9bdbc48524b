"""What things are called on the screen: quantities, functions, states, reasons, errors. Messages for the catalogues."""

from __future__ import annotations

from sluis.model import Device, Kind, Point
from sluis.panel.i18n import N_, Tongue

QUANTITIES: dict[str, str] = {
    "temperature": N_("Temperature"),
    "humidity": N_("Humidity"),
    "carbon_dioxide": N_("CO₂"),
    "carbon_monoxide": N_("Carbon monoxide"),
    "volatile_organic_compounds": N_("Volatile compounds"),
    "pm25": N_("Fine dust PM2.5"),
    "pm10": N_("Fine dust PM10"),
    "aqi": N_("Air quality"),
    "atmospheric_pressure": N_("Air pressure"),
    "pressure": N_("Pressure"),
    "moisture": N_("Moisture"),
    "illuminance": N_("Illuminance"),
    "power": N_("Power"),
    "apparent_power": N_("Apparent power"),
    "reactive_power": N_("Reactive power"),
    "power_factor": N_("Power factor"),
    "energy": N_("Energy"),
    "voltage": N_("Voltage"),
    "current": N_("Current"),
    "frequency": N_("Frequency"),
    "outlet": N_("Outlet"),
    "switch": N_("Switch"),
    "light": N_("Light"),
    "brightness": N_("Brightness"),
    "battery": N_("Battery"),
    "signal_strength": N_("Signal strength"),
    "motion": N_("Motion"),
    "occupancy": N_("Occupancy"),
    "presence": N_("Presence"),
    "door": N_("Door"),
    "window": N_("Window"),
    "opening": N_("Opening"),
    "smoke": N_("Smoke"),
    "gas": N_("Gas"),
    "problem": N_("Problem"),
    "sound": N_("Sound"),
    "vibration": N_("Vibration"),
    "duration": N_("Duration"),
    "timestamp": N_("Time"),
    "water": N_("Water"),
    "volume_flow_rate": N_("Flow"),
    "lock": N_("Lock"),
    "cover": N_("Cover"),
    "blind": N_("Blind"),
    "fan": N_("Fan"),
    "valve": N_("Valve"),
    "button": N_("Button"),
    "restart": N_("Restart"),
    "identify": N_("Identify"),
    "update": N_("Update"),
    "linkquality": N_("Link quality"),
    "color_temp": N_("Colour temperature"),
    "state": N_("State"),
    "mode": N_("Mode"),
    "action": N_("Action"),
    "speed": N_("Speed"),
    "relay": N_("Relay"),
    "uptime": N_("Uptime"),
    "soil_moisture": N_("Soil moisture"),
    "level": N_("Level"),
    "target_temperature": N_("Target temperature"),
}
"""By quantity (a Home Assistant device class) or, where a point has none, by its key."""

ON_OFF: dict[str, tuple[str, str]] = {
    "door": (N_("open"), N_("closed")),
    "window": (N_("open"), N_("closed")),
    "opening": (N_("open"), N_("closed")),
    "garage_door": (N_("open"), N_("closed")),
    "motion": (N_("motion"), N_("no motion")),
    "occupancy": (N_("occupied"), N_("free")),
    "presence": (N_("present"), N_("away")),
    "smoke": (N_("smoke"), N_("no smoke")),
    "gas": (N_("gas"), N_("no gas")),
    "moisture": (N_("wet"), N_("dry")),
    "battery": (N_("low"), N_("good")),
    "problem": (N_("problem"), N_("fine")),
    "lock": (N_("unlocked"), N_("locked")),
    "connectivity": (N_("connected"), N_("disconnected")),
    "update": (N_("available"), N_("up to date")),
    "tamper": (N_("tampered"), N_("fine")),
}
ON = N_("on")
OFF = N_("off")

FUNCTIONS: dict[str, str] = {
    "climate": N_("Climate"),
    "light": N_("Light"),
    "power": N_("Power and sockets"),
    "sensors": N_("Sensors and the rest"),
}
"""How a room's tiles are grouped, in this order."""

CLIMATE = frozenset(
    [
        "temperature",
        "humidity",
        "carbon_dioxide",
        "carbon_monoxide",
        "volatile_organic_compounds",
        "pm25",
        "pm10",
        "aqi",
        "atmospheric_pressure",
        "climate",
        "fan",
        "target_temperature",
    ]
)
POWER = frozenset(
    [
        "power",
        "energy",
        "voltage",
        "current",
        "frequency",
        "power_factor",
        "apparent_power",
        "reactive_power",
        "outlet",
        "switch",
        "relay",
    ]
)
LIGHT = frozenset(["light", "brightness", "color_temp"])

ORDER = [
    "light",
    "outlet",
    "switch",
    "relay",
    "temperature",
    "carbon_dioxide",
    "humidity",
    "power",
    "occupancy",
    "motion",
    "door",
    "window",
    "brightness",
    "target_temperature",
    "pm25",
    "volatile_organic_compounds",
    "illuminance",
    "energy",
]
"""What a tile shows first."""

DECIMALS = {
    "temperature": 1, "target_temperature": 1, "energy": 2, "current": 2, "power_factor": 2, "voltage": 0, "pm25": 0,
    "frequency": 1, "humidity": 0, "carbon_dioxide": 0, "power": 0, "illuminance": 0, "battery": 0,
    "signal_strength": 0, "atmospheric_pressure": 0, "brightness": 0, "moisture": 0, "duration": 0,
}  # fmt: skip
"""Digits that mean something to a person, by quantity."""

ROLES = {
    "viewer": N_("viewer"),
    "operator": N_("operator"),
    "technician": N_("technician"),
    "admin": N_("admin"),
}

RUNGS = {
    "reconnect": N_("Connect again"),
    "restart": N_("Start it again"),
    "rescan": N_("Start the scan again"),
    "reopen": N_("Open it again"),
    "find": N_("Look for the port elsewhere"),
    "power-cycle": N_("Switch it off and on"),
    "rfkill": N_("Block the radio and free it"),
    "usb-reset": N_("Reset it on the USB bus"),
    "mark-failed": N_("Give it up and say so"),
}
"""Steps of the recovery ladders; one that is not here is shown as it is called."""

AVAILABILITY = {"online": N_("online"), "offline": N_("offline"), "unknown": N_("unknown")}

QUALITY = {"good": N_("good"), "uncertain": N_("uncertain"), "bad": N_("bad")}

STATES = {
    "discovered": N_("discovered"),
    "adopted": N_("adopted"),
    "ignored": N_("ignored"),
    "retired": N_("retired"),
}

SEVERITIES = {"info": N_("for your information"), "warning": N_("attention"), "critical": N_("critical")}

STAGES = {
    "accepted": N_("waiting for confirmation"),
    "sent": N_("waiting for confirmation"),
    "done": N_("confirmed"),
    "effective": N_("confirmed, and it shows"),
    "ineffective": N_("confirmed, but nothing happened"),
    "expired": N_("not confirmed in time"),
    "refused": N_("refused"),
    "failed": N_("failed"),
}

REASONS = {
    "will": N_("its connection broke"),
    "silence": N_("it has been silent too long"),
    "heard": N_("it was heard"),
    "back": N_("its connection is back"),
    "device says so": N_("it says so itself"),
    "not heard yet": N_("not heard since the gateway started"),
    "not heard since its carrier is back": N_("not heard since its connection is back"),
}

PROBLEMS: dict[str, tuple[str, str]] = {
    "auth.credentials": (
        N_("The name or the password is wrong."),
        N_("Check both. An admin can set a new password under Users."),
    ),
    "auth.throttled": (N_("Too many failed tries."), N_("Wait a little before the next try.")),
    "auth.setup": (
        N_("The set-up code is wrong, or the gateway has been set up already."),
        N_("The code is printed when the gateway starts and works once."),
    ),
    "auth.weak-password": (
        N_("This password is too easy to guess."),
        N_("Use at least ten characters; four random words are good."),
    ),
    "auth.forbidden": (N_("Your role does not allow this."), N_("Ask an admin if you need it.")),
    "auth.csrf": (N_("This page was open for too long."), N_("Go back, reload the page and try again.")),
    "device.unknown": (
        N_("There is no such device."),
        N_("It may have been removed, or you may not see its area. Search for it by name."),
    ),
    "not-found": (N_("There is nothing here."), N_("Check the address, or search for what you need.")),
    "already-there": (N_("There is one of that name already."), N_("Choose another name.")),
    "last-admin": (N_("There has to be an admin."), N_("Make somebody else admin first.")),
    "api.changed": (N_("Somebody else changed this in the meantime."), N_("Look at it again and repeat your change.")),
    "api.invalid": (N_("Something in the form is not right."), N_("Check what you filled in.")),
    "command.read-only": (N_("This can be read, not set."), ""),
    "command.out-of-range": (N_("That value is outside what the device accepts."), ""),
    "command.expired": (N_("The device did not answer in time."), N_("Is it powered? Try again in a moment.")),
    "command.refused": (N_("The device or a rule refused it."), ""),
    "command.not-now": (N_("The device is between two states and cannot do it yet."), N_("Try again in a minute.")),
    "command.lease-held": (N_("A script holds this at the moment."), N_("Wait until it is done, or stop the script.")),
    "command.unknown-point": (N_("The device does not have this."), ""),
    "link": (N_("The connection to the device is down."), N_("The gateway reconnects by itself. See System.")),
    "store": (N_("The gateway cannot write to its disk."), N_("See System: the disk may be full.")),
    "config": (N_("This is not valid."), N_("See what it says below.")),
    "fault": (N_("The gateway made a mistake."), N_("It is in the log. Try again; report it when it stays.")),
    "api.not-available": (N_("This part of the gateway is not running."), N_("Try again in a moment.")),
}
"""By error code: what happened, and what to do. Others show the gateway's own (English) sentence."""


KEYS: dict[str, str] = {
    "energy_today": N_("Energy today"),
    "energy_yesterday": N_("Energy yesterday"),
    "energy_tariff": N_("Energy by tariff"),
    "energy_returned": N_("Energy returned"),
    "apparent_power": N_("Apparent power"),
    "reactive_power": N_("Reactive power"),
    "uptime": N_("Running for"),
    "free_memory": N_("Free memory"),
    "chip_temperature": N_("Temperature of the chip"),
    "reset_cause": N_("Why it last started"),
    "dropped": N_("Messages it had to drop"),
    "faults": N_("What is wrong"),
    "safe_mode": N_("Safe mode"),
    "slot": N_("Slot that runs"),
    "trial": N_("On trial"),
    "update": N_("State of the update"),
    "release": N_("Release"),
}
"""Keys that say more than their quantity: a plug that counts energy three ways must not call all three energy. And what
our nodes tell of themselves, without names, to save their memory."""


def label_of(point: Point, tongue: Tongue) -> str:
    """What people call a point: the driver's name for it, else from its key or quantity."""
    if point.name:
        return point.name
    if point.key in KEYS:
        return tongue(KEYS[point.key])
    for name in (point.quantity, point.key):
        if name in QUANTITIES:
            return tongue(QUANTITIES[name])
    words = point.key.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def on_off_of(point: Point, tongue: Tongue) -> tuple[str, str]:
    """The words for true and false."""
    on, off = ON_OFF.get(point.quantity, (ON, OFF))
    return tongue(on), tongue(off)


def function_of(point: Point, device: Device) -> str:
    """Which group of a room's tiles a point belongs to."""
    names = {point.quantity or point.key, point.key.partition("_")[0] if not point.quantity else ""}
    if names & LIGHT:
        return "light"
    if names & CLIMATE:
        return "climate"
    return "power" if names & POWER or (point.kind is Kind.SWITCH and point.writable) else "sensors"


def decimals_of(point: Point) -> int:
    """Digits after the point that mean something."""
    known = DECIMALS.get(point.quantity or point.key)
    if known is not None and point.unit != "Wh":
        return known
    if point.unit in ("%", "Wh") or (point.step is not None and float(point.step).is_integer()):
        return 0
    return 1


def reason_of(reason: str, tongue: Tongue) -> str:
    """Why a device is as available as it is, for people."""
    if reason in REASONS:
        return tongue(REASONS[reason])
    what, _, rest = reason.partition(":")
    name = rest.removesuffix(" is down").removesuffix(" down")
    if what == "link":
        return tongue(N_("link %(name)s is down"), name=name)
    if what == "parent":
        return tongue(N_("%(name)s, which carries its traffic, is down"), name=name)
    return reason
