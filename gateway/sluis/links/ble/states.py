"""What an adapter can be in, with cause and next step as a person reads them.

The states were measured with bleak 3.1 and bluetoothd 5.66: what the library raises, and after how long. They matter
because the library's own words do not tell them apart: a missing D-Bus is a bare FileNotFoundError, a daemon that does
not answer is nothing at all, and a controller that has gone mute is "operation already in progress" while the adapter
says that it is powered.
"""

from __future__ import annotations

from enum import StrEnum

from sluis.model import LinkError, SluisError

MUTE_AFTER_S = 1.0
"""`InProgress` after longer than this comes from the kernel giving up on the controller (measured: 2.1 and 4.1 s);
sooner (measured: 0.05 s) it is bluetoothd's own refusal."""


class AdapterState(StrEnum):
    """Nine measured states, and two for what was not."""

    WELL = "well"
    """It scans."""
    NO_DBUS = "no-dbus"
    NO_DAEMON = "no-daemon"
    NO_ADAPTER = "no-adapter"
    POWERED_OFF = "powered-off"
    SETTLING = "settling"
    BUSY = "busy"
    DAEMON_SILENT = "daemon-silent"
    MUTE = "mute"
    DENIED = "denied"
    UNKNOWN = "unknown"

    @property
    def cause(self) -> str:
        return _SAID[self][0]

    @property
    def next_step(self) -> str:
        """What a person can do; "" where there is nothing to do."""
        return _SAID[self][1]

    @property
    def curable(self) -> bool:
        """Whether the steps of recovery can help; the others wait for a person or for the machine (an adapter that is
        off is switched on by whoever scans, if it may)."""
        return self in (AdapterState.BUSY, AdapterState.DAEMON_SILENT, AdapterState.MUTE)


_SAID = {
    AdapterState.WELL: ("the adapter works", ""),
    AdapterState.NO_DBUS: (
        "there is no D-Bus here",
        "Start dbus; in a container, mount /run/dbus/system_bus_socket into it.",
    ),
    AdapterState.NO_DAEMON: (
        "D-Bus is there, but bluetoothd does not run",
        "Install bluez and start it: systemctl enable --now bluetooth.",
    ),
    AdapterState.NO_ADAPTER: (
        "there is no such Bluetooth adapter",
        "Look with bluetoothctl list; plug the adapter in, or put the right one in [[ble]] adapter.",
    ),
    AdapterState.POWERED_OFF: (
        "the adapter is switched off or blocked",
        "Look with rfkill list; unblock it with rfkill unblock bluetooth, then bluetoothctl power on.",
    ),
    AdapterState.SETTLING: ("the adapter was switched on a moment ago and is not ready yet", ""),
    AdapterState.BUSY: (
        "bluetoothd says that a scan is already running, and gives none",
        "Stop other programs that scan; if there are none, systemctl restart bluetooth.",
    ),
    AdapterState.DAEMON_SILENT: (
        "bluetoothd does not answer",
        "Restart it: systemctl restart bluetooth.",
    ),
    AdapterState.MUTE: (
        "the adapter is on, but it does not answer or hears nothing",
        "Unplug the adapter and plug it in again; a radio on the board needs a restart of the machine.",
    ),
    AdapterState.DENIED: (
        "this user may not talk to bluetoothd",
        "Add the user to the group: usermod -aG bluetooth sluis, then start the gateway again.",
    ),
    AdapterState.UNKNOWN: (
        "the Bluetooth library failed in a way that is not known",
        "Look in the log; systemctl restart bluetooth often helps.",
    ),
}


class AdapterTrouble(LinkError):
    """The adapter cannot be used now; `state` says why."""

    def __init__(self, state: AdapterState, detail: str = "") -> None:
        super().__init__(f"{state.cause} ({detail})" if detail else state.cause, hint=state.next_step)
        self.state = state


def trouble_of(error: BaseException, took_s: float) -> AdapterTrouble:
    """The state behind what the library raised `took_s` after it was called."""
    if isinstance(error, AdapterTrouble):
        return error
    state, detail = _judge(error, took_s), str(error) or type(error).__name__
    return AdapterTrouble(state, detail if state is not AdapterState.NO_DBUS else "")


def _judge(error: BaseException, took_s: float) -> AdapterState:
    from bleak.exc import BleakBluetoothNotAvailableError, BleakBluetoothNotAvailableReason, BleakDBusError

    if isinstance(error, BleakBluetoothNotAvailableError):
        reason = error.reason
        off = reason is BleakBluetoothNotAvailableReason.POWERED_OFF
        return AdapterState.POWERED_OFF if off else AdapterState.NO_ADAPTER
    if isinstance(error, BleakDBusError):
        return of_dbus(error.dbus_error, took_s)
    if isinstance(error, TimeoutError):
        return AdapterState.DAEMON_SILENT
    if isinstance(error, SluisError):
        return AdapterState.UNKNOWN
    if isinstance(error, EOFError | OSError):
        return AdapterState.NO_DBUS
    return AdapterState.NO_ADAPTER if "adapter" in str(error) and "not found" in str(error) else AdapterState.UNKNOWN


def of_dbus(name: str, took_s: float) -> AdapterState:
    """The state behind a D-Bus error of this name."""
    if name == "org.bluez.Error.InProgress":
        return AdapterState.MUTE if took_s > MUTE_AFTER_S else AdapterState.BUSY
    if name.startswith(UNSTARTED):
        return AdapterState.NO_DAEMON
    return _DBUS.get(name, AdapterState.UNKNOWN)


UNSTARTED = ("org.freedesktop.DBus.Error.Spawn.", "org.freedesktop.systemd1.")
"""D-Bus starts bluetoothd when somebody asks for it; these say that it could not."""

_DBUS = {
    "org.freedesktop.DBus.Error.ServiceUnknown": AdapterState.NO_DAEMON,
    "org.freedesktop.DBus.Error.NameHasNoOwner": AdapterState.NO_DAEMON,
    "org.freedesktop.DBus.Error.UnknownObject": AdapterState.NO_ADAPTER,
    "org.freedesktop.DBus.Error.UnknownMethod": AdapterState.NO_ADAPTER,
    "org.freedesktop.DBus.Error.AccessDenied": AdapterState.DENIED,
    "org.freedesktop.DBus.Error.NoReply": AdapterState.DAEMON_SILENT,
    "org.freedesktop.DBus.Error.Timeout": AdapterState.DAEMON_SILENT,
    "org.bluez.Error.NotReady": AdapterState.POWERED_OFF,
    "org.bluez.Error.Blocked": AdapterState.POWERED_OFF,
    "org.bluez.Error.Failed": AdapterState.MUTE,
}
