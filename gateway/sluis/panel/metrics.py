"""The gateway's numbers in the Prometheus text format. Own registry: nothing of the process leaks in by default."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from sluis.model import DeviceState
from sluis.panel.ports import House
from sluis.panel.reports import SystemReport
from sluis.panel.stream import Hub

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(house: House, report: SystemReport, hub: Hub) -> bytes:
    """Everything that is measured, as text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(house, report, hub))
    return generate_latest(registry)


class _Collector:
    def __init__(self, house: House, report: SystemReport, hub: Hub) -> None:
        self._house, self._report, self._hub = house, report, hub

    def collect(self) -> Iterator[Metric]:
        """Called by the registry."""
        yield from self._process()
        yield from self._queues()
        yield from self._devices()
        yield from self._links()
        yield _gauge("live_streams", "Live streams open.", self._hub.listeners)
        yield _counter("live_news", "Changes sent to live streams.", self._hub.sent)
        for name, value in sorted(self._report.counters.items()):
            yield _counter(_safe(name), f"Count of {name.replace('_', ' ')} since start.", value)

    def _process(self) -> Iterator[Metric]:
        report = self._report
        info = GaugeMetricFamily("sluis_build_info", "Version that runs.", labels=["version", "python"])
        info.add_metric([report.version, report.python], 1)
        yield info
        yield _gauge("start_time_seconds", "Start of the process, Unix time.", report.started_at_us / 1e6)
        yield _gauge("memory_bytes", "Resident size of the process.", report.memory_bytes)
        yield _counter("cpu_seconds", "CPU time used.", report.cpu_s)
        yield _gauge("disk_free_bytes", "Free on the data directory's file system.", report.disk_free_bytes)
        yield _gauge("database_bytes", "Size of the database.", report.database_bytes)
        yield _gauge("clock_trusted", "1 when the wall clock is known to be right.", report.clock_trusted)

    def _queues(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily("sluis_queue_depth", "Waiting in a queue.", labels=["queue"])
        dropped = CounterMetricFamily("sluis_queue_dropped", "Dropped by a full queue.", labels=["queue"])
        for queue in self._report.queues:
            depth.add_metric([queue.name], queue.depth)
            dropped.add_metric([queue.name], queue.dropped)
        yield depth
        yield dropped

    def _devices(self) -> Iterator[Metric]:
        register = self._house.register
        states = Counter(device.state.value for device in register.devices())
        reach = Counter(register.twin(one.key).availability.value for one in register.devices(DeviceState.ADOPTED))
        yield _labelled("devices", "Devices by state.", "state", states)
        yield _labelled("devices_reachable", "Adopted devices by availability.", "availability", reach)

    def _links(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("sluis_link_up", "1 when the link is up.", labels=["link"])
        received = CounterMetricFamily("sluis_link_frames_received", "Frames received.", labels=["link"])
        for link in self._house.system.links():
            up.add_metric([link.name], link.up)
            received.add_metric([link.name], link.received)
        yield up
        yield received


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"sluis_{name}", help_text, value=value)


def _counter(name: str, help_text: str, value: float) -> Metric:
    return CounterMetricFamily(f"sluis_{name}", help_text, value=value)


def _labelled(name: str, help_text: str, label: str, values: Counter[str]) -> Metric:
    family = GaugeMetricFamily(f"sluis_{name}", help_text, labels=[label])
    for word, count in sorted(values.items()):
        family.add_metric([word], count)
    return family


def _safe(name: str) -> str:
    return "".join(one if one.isalnum() and one.isascii() else "_" for one in name)
