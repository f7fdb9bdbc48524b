"""Watch: rules over the bus, alerts, notifications, explanations."""

from sluis.watch.alert import Alert, AlertStep, Cause
from sluis.watch.alerts import Alerts
from sluis.watch.explain import Explain
from sluis.watch.memory import Remembrance
from sluis.watch.notifier import Notifier
from sluis.watch.rulebook import RuleBook
from sluis.watch.settings import NotifySettings
from sluis.watch.watch import Watch

__all__ = [
    "Alert",
    "AlertStep",
    "Alerts",
    "Cause",
    "Explain",
    "Notifier",
    "NotifySettings",
    "Remembrance",
    "RuleBook",
    "Watch",
]
