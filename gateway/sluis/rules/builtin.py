"""The rules every house has. A rule of the same key in `rules.toml` takes a built-in one's place."""

from __future__ import annotations

from sluis.rules.conditions import Below, Equals, Happens, Unreachable
from sluis.rules.rule import Rule, Selector, Severity

OFFLINE_S = 30.0
"""How long a device must be offline. Smaller and every reboot and every Wi-Fi roam is an alert; larger and people
hear of a dead device from its users."""

NOT_BACK_S = 120.0
"""How long a device may stay silent after its carrier (link, bridge) returned. Most devices reconnect within a
minute; mesh networks take up to two."""

UNHEARD_S = 3600.0
"""How long a device may be neither heard nor explained, such as after a start of the gateway. Battery sensors
report every 10 to 60 minutes: smaller and every start raises alerts for all of them."""

LINK_S = 10.0
"""How long a link must be down. A broker restarts in two to five seconds; its devices are *unknown* meanwhile and
nobody needs a message about it."""

CLOCK_S = 300.0
"""How long the clock may be untrusted: a boot without network takes a few minutes to find the time."""

BUILTIN: tuple[Rule, ...] = (
    Rule("device-offline", Unreachable("offline"), for_s=OFFLINE_S, severity=Severity.WARNING),
    Rule("device-not-back", Unreachable("not-back"), for_s=NOT_BACK_S, severity=Severity.WARNING),
    Rule("device-unheard", Unreachable("unheard"), for_s=UNHEARD_S, severity=Severity.INFO),
    Rule("link-down", Happens("link-down"), for_s=LINK_S, severity=Severity.CRITICAL),
    Rule("disk-full", Happens("disk-full"), severity=Severity.CRITICAL),
    Rule("battery-low", Below(15, clear=20), on=Selector(quantity="battery"), severity=Severity.INFO),
    Rule("battery-flag", Equals(True), on=Selector(quantity="battery"), severity=Severity.INFO),
    Rule("disagreement", Happens("disagreement"), severity=Severity.WARNING),
    Rule("not-effective", Happens("not-effective"), severity=Severity.WARNING),
    Rule("flood", Happens("flood"), severity=Severity.WARNING),
    Rule("driver-fault", Happens("driver-fault"), severity=Severity.WARNING),
    Rule("clock-distrusted", Happens("clock-distrusted"), for_s=CLOCK_S, severity=Severity.WARNING),
    Rule("rules-broken", Happens("rules-broken"), severity=Severity.WARNING),
    Rule("notify-failing", Happens("notify-failing"), severity=Severity.WARNING),
    Rule("part-failing", Happens("part-failing"), severity=Severity.CRITICAL),
)
"""Everything the gateway notices by itself."""
