"""The Zigbee products of the demo site, as Zigbee2MQTT describes them in `bridge/devices`.

Structure after Zigbee2MQTT's guide (Exposes): `access` bits 1 published, 2 settable, 4 gettable; specific
exposes (light, switch) carry `features`, generic ones (binary, numeric, enum) stand by themselves. Data only.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def numeric(
    name: str, unit: str = "", *, access: int = 1, low: float | None = None, high: float | None = None, **more: Any
) -> Json:
    """A numeric expose."""
    made: Json = {"access": access, "label": name.replace("_", " ").capitalize(), "name": name, "property": name}
    made |= {"type": "numeric"} | ({"unit": unit} if unit else {})
    made |= {} if low is None else {"value_min": low}
    return made | ({} if high is None else {"value_max": high}) | more


def binary(name: str, on: Any, off: Any, *, access: int = 1, **more: Any) -> Json:
    """A binary expose."""
    made: Json = {"access": access, "label": name.replace("_", " ").capitalize(), "name": name, "property": name}
    return made | {"type": "binary", "value_on": on, "value_off": off} | more


def choice(name: str, values: list[str], *, access: int = 1, **more: Any) -> Json:
    """An enum expose."""
    made: Json = {"access": access, "label": name.replace("_", " ").capitalize(), "name": name, "property": name}
    return made | {"type": "enum", "values": values} | more


LINKQUALITY = numeric(
    "linkquality", "lqi", low=0, high=255, category="diagnostic", description="Link quality (signal strength)"
)
BATTERY = numeric(
    "battery",
    "%",
    low=0,
    high=100,
    category="diagnostic",
    description="Remaining battery in %, can take up to 24 hours before reported",
)
STATE = binary("state", "ON", "OFF", access=7, value_toggle="TOGGLE")

CLIMATE = {
    "source": "native",
    "model": "WSDCGQ11LM",
    "vendor": "Aqara",
    "description": "Temperature and humidity sensor",
    "supports_ota": False,
    "options": [],
    "exposes": [
        BATTERY,
        numeric("temperature", "°C", description="Measured temperature value"),
        numeric("humidity", "%", description="Measured relative humidity"),
        numeric("pressure", "hPa", description="The measured atmospheric pressure"),
        numeric("voltage", "mV", category="diagnostic", description="Voltage of the battery in millivolts"),
        LINKQUALITY,
    ],
}
BULB = {
    "source": "native",
    "model": "LED1545G12",
    "vendor": "IKEA",
    "description": "TRADFRI bulb E26/E27, white spectrum, globe, opal, 980 lm",
    "supports_ota": True,
    "options": [],
    "exposes": [
        {
            "type": "light",
            "features": [
                STATE | {"description": "On/off state of this light"},
                numeric("brightness", access=7, low=0, high=254, description="Brightness of this light"),
                numeric(
                    "color_temp",
                    "mired",
                    access=7,
                    low=250,
                    high=454,
                    description="Color temperature of this light",
                    presets=[
                        {"name": "coolest", "value": 250, "description": "Coolest temperature supported"},
                        {
                            "name": "neutral",
                            "value": 370,
                            "description": "Neutral temperature (370 mireds / 2700 Kelvin)",
                        },
                        {"name": "warmest", "value": 454, "description": "Warmest temperature supported"},
                    ],
                ),
            ],
        },
        choice("effect", ["blink", "breathe", "okay", "channel_change", "finish_effect", "stop_effect"], access=2),
        choice("power_on_behavior", ["off", "on", "toggle", "previous"], access=7, category="config"),
        binary("identify", "identify", "identify", access=2, category="config")
        | {"type": "enum", "values": ["identify"]},
        LINKQUALITY,
    ],
}
PLUG = {
    "source": "native",
    "model": "TS011F_plug_1",
    "vendor": "Tuya",
    "description": "Smart plug (with power monitoring)",
    "supports_ota": False,
    "options": [],
    "exposes": [
        {"type": "switch", "features": [STATE | {"description": "On/off state of the switch"}]},
        numeric(
            "countdown",
            "s",
            access=3,
            low=0,
            high=43200,
            value_step=1,
            description="Countdown to turn device off after a certain time",
        ),
        choice("power_outage_memory", ["on", "off", "restore"], access=7, category="config"),
        choice("indicator_mode", ["off", "off/on", "on/off", "on"], access=7, category="config"),
        numeric("power", "W", access=5, description="Instantaneous measured power"),
        numeric("current", "A", access=5, description="Instantaneous measured electrical current"),
        numeric("voltage", "V", access=5, description="Measured electrical potential value"),
        numeric("energy", "kWh", access=1, description="Sum of consumed energy"),
        {
            "type": "lock",
            "label": "Child lock",
            "features": [binary("child_lock", "LOCK", "UNLOCK", access=3) | {"name": "state"}],
        },
        LINKQUALITY,
    ],
}
CONTACT = {
    "source": "native",
    "model": "MCCGQ11LM",
    "vendor": "Aqara",
    "description": "Door and window sensor",
    "supports_ota": False,
    "options": [],
    "exposes": [
        BATTERY,
        binary("contact", False, True, description="Indicates if the contact is closed (= true) or open (= false)"),
        numeric("device_temperature", "°C", category="diagnostic", description="Temperature of the device"),
        numeric("voltage", "mV", category="diagnostic", description="Voltage of the battery in millivolts"),
        LINKQUALITY,
    ],
}
BUTTON = {
    "source": "native",
    "model": "WXKG11LM",
    "vendor": "Aqara",
    "description": "Wireless mini switch",
    "supports_ota": False,
    "options": [],
    "exposes": [
        BATTERY,
        numeric("voltage", "mV", category="diagnostic", description="Voltage of the battery in millivolts"),
        choice("action", ["single", "double", "triple", "quadruple", "hold", "release"], category="diagnostic"),
        LINKQUALITY,
    ],
}
