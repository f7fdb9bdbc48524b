"""The gateway's configuration: one TOML file, composed of the settings that each room declares."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sluis.app.timekeeper import TimeSettings
from sluis.app.toml import build, read_toml
from sluis.control.settings import ControlSettings
from sluis.intake import IntakeSettings
from sluis.links.ble.settings import BleSettings
from sluis.links.cec.settings import CecSettings
from sluis.links.esphome.settings import EsphomeSettings
from sluis.links.gpio.settings import GpioSettings
from sluis.links.kernel.settings import KernelSettings
from sluis.links.knx.settings import KnxSettings
from sluis.links.net.settings import NetSettings
from sluis.links.serial.settings import SerialSettings
from sluis.links.settings import BrokerSettings, MdnsSettings, MqttSettings
from sluis.panel.settings import PanelSettings
from sluis.store.backups import BackupSettings
from sluis.store.settings import StoreSettings
from sluis.upstream.settings import HomeAssistantSettings
from sluis.watch.settings import NotifySettings
from sluis_provision.gateway.settings import UpdateSettings
from sluis_provision.supply.settings import SupplySettings


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set."""

    data_dir: Path = Path("/var/lib/sluis")
    """Where the gateway keeps all it writes."""
    log_level: str = "info"
    """`debug`, `info`, `warning` or `error`."""
    store: StoreSettings = field(default_factory=StoreSettings)
    """Store."""
    backup: BackupSettings = field(default_factory=BackupSettings)
    """Backups."""
    time: TimeSettings = field(default_factory=TimeSettings)
    """Clock."""
    intake: IntakeSettings = field(default_factory=IntakeSettings)
    """Intake."""
    control: ControlSettings = field(default_factory=ControlSettings)
    """Control."""
    broker: BrokerSettings = field(default_factory=BrokerSettings)
    """Broker."""
    mqtt: MqttSettings = field(default_factory=MqttSettings)
    """MQTT link."""
    net: NetSettings = field(default_factory=NetSettings)
    """TCP and UDP link."""
    serial: tuple[SerialSettings, ...] = ()
    """Serial ports."""
    ble: tuple[BleSettings, ...] = ()
    """Bluetooth Low Energy adapters."""
    esphome: EsphomeSettings = field(default_factory=EsphomeSettings)
    """ESPHome link."""
    gpio: GpioSettings = field(default_factory=GpioSettings)
    """Pins of the header."""
    cec: tuple[CecSettings, ...] = ()
    """HDMI-CEC adapters."""
    kernel: KernelSettings = field(default_factory=KernelSettings)
    """Sensors that the kernel reads."""
    knx: tuple[KnxSettings, ...] = ()
    """KNX/IP interfaces."""
    mdns: MdnsSettings = field(default_factory=MdnsSettings)
    """Being found by name."""
    panel: PanelSettings = field(default_factory=PanelSettings)
    """Panel."""
    notify: NotifySettings = field(default_factory=NotifySettings)
    """Notifications."""
    homeassistant: HomeAssistantSettings = field(default_factory=HomeAssistantSettings)
    """Home Assistant."""
    update: UpdateSettings = field(default_factory=UpdateSettings)
    """Releases of the gateway itself."""
    supply: SupplySettings = field(default_factory=SupplySettings)
    """Releases for nodes."""


def load(path: Path) -> Settings:
    """Read a configuration file. ConfigError says what is wrong in it and where."""
    return build(Settings, read_toml(path), str(path))
