"""Exposition of all metrics to Prometheus, in its text format or as OpenMetrics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from tintype.telemetry import recorder
from tintype.telemetry.collectors import NodeCollector
from tintype.telemetry.definitions import METRICS, Metric


def expose(collector: NodeCollector, accept: str) -> tuple[bytes, str]:
    """The text and its media type; ``accept`` is an Accept header."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(collector))
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type


class _Collector(Collector):
    def __init__(self, node: NodeCollector) -> None:
        self._node = node

    def collect(self) -> Iterator[Family]:
        """Every defined metric that has a value."""
        series: dict[str, list[tuple[tuple[str, ...], list[float]]]] = defaultdict(list)
        for (name, *labels), cells in recorder.read_all().items():
            series[name].append((tuple(labels), [*map(float, cells)]))
        for name, values, value in self._node.samples():
            series[name].append((values, [float(value)]))
        yield from (_family(metric, series[metric.name]) for metric in METRICS if metric.name in series)


def _family(metric: Metric, series: Iterable[tuple[tuple[str, ...], list[float]]]) -> Family:
    name = metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name
    family = Family(name, metric.help_text, metric.kind)
    for values, cells in series:
        labels = dict(zip(metric.labels, values, strict=True))
        if metric.kind == "histogram":
            _add_histogram(family, metric, labels, cells)
        else:
            family.add_sample(metric.name, labels, cells[0])
    return family


def _add_histogram(family: Family, metric: Metric, labels: dict[str, str], cells: list[float]) -> None:
    """Add cumulative buckets, sum and count; the cells hold the count of each bucket and then the sum."""
    counts = list(accumulate(cells[:-1]))
    for bound, count in zip((*map(str, metric.buckets), "+Inf"), counts, strict=True):
        family.add_sample(f"{metric.name}_bucket", {**labels, "le": bound}, count)
    family.add_sample(f"{metric.name}_sum", labels, cells[-1] / recorder.NANOSECONDS)
    family.add_sample(f"{metric.name}_count", labels, counts[-1])
