"""What Tasmota's sensor names measure.

After the firmware's documentation (Commands, `Status-Responses`, `MQTT` and the sensor pages, Tasmota 13-15) and
the units Home Assistant's own reader assumes for them (hatasmota 0.9, sensor units).
"""

from __future__ import annotations

from collections.abc import Mapping

NAMES: Mapping[str, tuple[str, str, str]] = {
    "ActivePower": ("power", "power", "W"),
    "Ambient": ("illuminance", "illuminance", "lx"),
    "ApparentPower": ("apparent_power", "apparent_power", "VA"),
    "Battery": ("battery", "battery", "%"),
    "CarbonDioxide": ("carbon_dioxide", "carbon_dioxide", "ppm"),
    "CF1": ("cf1", "pm1", "µg/m³"),
    "CF10": ("cf10", "pm10", "µg/m³"),
    "CF2.5": ("cf2_5", "pm25", "µg/m³"),
    "Current": ("current", "current", "A"),
    "CurrentNeutral": ("current_neutral", "current", "A"),
    "DewPoint": ("dew_point", "temperature", "TempUnit"),
    "Distance": ("distance", "distance", "cm"),
    "eCO2": ("eco2", "carbon_dioxide", "ppm"),
    "Energy": ("energy", "energy", "kWh"),
    "ExportActive": ("energy_export", "energy", "kWh"),
    "ExportReactive": ("reactive_export", "reactive_energy", "kvarh"),
    "ExportTariff": ("energy_export_tariff", "energy", "kWh"),
    "Factor": ("power_factor", "power_factor", ""),
    "Frequency": ("frequency", "frequency", "Hz"),
    "Humidity": ("humidity", "humidity", "%"),
    "Illuminance": ("illuminance", "illuminance", "lx"),
    "ImportActive": ("energy_import", "energy", "kWh"),
    "ImportReactive": ("reactive_import", "reactive_energy", "kvarh"),
    "Moisture": ("moisture", "moisture", "%"),
    "PhaseAngle": ("phase_angle", "", "°"),
    "PM1": ("pm1", "pm1", "µg/m³"),
    "PM10": ("pm10", "pm10", "µg/m³"),
    "PM2.5": ("pm25", "pm25", "µg/m³"),
    "Power": ("power", "power", "W"),
    "Pressure": ("pressure", "atmospheric_pressure", "PressureUnit"),
    "ReactivePower": ("reactive_power", "reactive_power", "var"),
    "SeaPressure": ("sea_pressure", "atmospheric_pressure", "PressureUnit"),
    "Speed": ("speed", "speed", "SpeedUnit"),
    "Temperature": ("temperature", "temperature", "TempUnit"),
    "Today": ("energy_today", "energy", "kWh"),
    "Total": ("energy", "energy", "kWh"),
    "TotalTariff": ("energy_tariff", "energy", "kWh"),
    "TVOC": ("tvoc", "volatile_organic_compounds_parts", "ppb"),
    "Voltage": ("voltage", "voltage", "V"),
    "Weight": ("weight", "weight", "kg"),
    "Yesterday": ("energy_yesterday", "energy", "kWh"),
}
"""Last name of a sensor's path -> point key, quantity, unit (or the name of the message's own unit field)."""

NOT_ENERGY = frozenset({"AS3935", "LD2410"})
"""Sensors whose `Energy` is no energy: lightning strength, radar echo."""
