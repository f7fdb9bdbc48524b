"""Puts upstream together: Home Assistant, on a link of its own with its own will."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import sluis
from sluis.links.mqtt import MqttLink
from sluis.runtime import supervise
from sluis.upstream import HomeAssistant

if TYPE_CHECKING:
    from sluis.app.gateway import Gateway


class Publishing:
    """The link and what is published on it. Its failure harms nobody else."""

    def __init__(self, gateway: Gateway) -> None:
        chosen = gateway.settings.homeassistant
        # The node is part of the client id, so that two gateways can share one broker.
        settings = replace(
            gateway.mqtt.settings,
            name="homeassistant",
            client_id=f"{gateway.mqtt.settings.client_id}-ha-{chosen.node}",
            will_topic=chosen.gateway_status_topic,
        )
        self.link = MqttLink(settings, gateway.clock)
        self.homeassistant = HomeAssistant(
            self.link,
            gateway.register,
            gateway.control,
            gateway.bus,
            gateway.clock,
            chosen,
            version=sluis.__version__,
            name=gateway.settings.panel.site_name,
        )
        self._clock = gateway.clock

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(supervise("Home Assistant link", self.link.run, self._clock))
            group.create_task(supervise("Home Assistant", self.homeassistant.run, self._clock))
