"""Puts the watch room together: rules, alerts, notifications, explanations, and how well devices are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sluis.links.notify_smtp import MailCourier
from sluis.links.notify_webhook import WebhookCourier
from sluis.store.alerts import AlertLog
from sluis.store.notices import Outbox
from sluis.store.rule_versions import RuleFile, RuleHistory
from sluis.watch import Alerts, Remembrance, RuleBook, Watch
from sluis.watch.explain import Explain
from sluis.watch.notifier import Notifier
from sluis.watch.ports import Courier
from sluis.watch.wellness import Wellness

if TYPE_CHECKING:
    from sluis.app.gateway import Gateway


@dataclass(frozen=True, slots=True)
class Watching:
    """The parts of the watch room that others need by themselves."""

    watch: Watch
    log: AlertLog
    notifier: Notifier
    explain: Explain
    wellness: Wellness


def build_watching(gateway: Gateway) -> Watching:
    """After register, control and links."""
    store = AlertLog(gateway.database)
    rules = RuleBook(RuleFile(gateway.places.rules), RuleHistory(gateway.database), gateway.clock, gateway.audit)
    alerts = Alerts(store, gateway.clock, gateway.bus, gateway.audit)
    remembrance = Remembrance(store, gateway.clock)
    watch = Watch(gateway.register, alerts, rules, remembrance, gateway.clock, gateway.bus)
    settings = replace(
        gateway.settings.notify,
        site=gateway.settings.panel.site_name,
        panel_url=gateway.settings.notify.panel_url or f"https://{gateway.settings.panel.hostname}",
    )
    notifier = Notifier(
        settings,
        Outbox(gateway.database),
        alerts,
        _couriers(gateway),
        gateway.clock,
        lambda what, present, point, detail: watch.report(what, present, point=point, detail=detail),
    )
    explain = Explain(gateway.register, gateway.commands, alerts, rules)
    wellness = Wellness(gateway.register, gateway.history, gateway.links, gateway.clock, gateway.bus)
    return Watching(watch, store, notifier, explain, wellness)


def _couriers(gateway: Gateway) -> dict[str, Courier]:
    notify = gateway.settings.notify
    keys = {
        one.webhook: one.webhook_secret_file.read_bytes().strip()
        for one in notify.recipients
        if one.webhook_secret_file
    }
    couriers: dict[str, Courier] = {"webhook": WebhookCourier(keys, gateway.clock)}
    if notify.smtp.host:
        couriers["mail"] = MailCourier(notify.smtp)
    return couriers
