"""How does Prometheus read it? The figures as its text, or as OpenMetrics where that is asked for."""

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
    """The text and its media type; ``accept`` is what the caller would like (an Accept header)."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(collector))
    encode, media = choose_encoder(accept)
    return encode(registry), media


class _Collector(Collector):
    def __init__(self, node: NodeCollector) -> None:
        self._node = node

    def collect(self) -> Iterator[Family]:
        """Every metric of the catalogue that has something to say."""
        found: dict[str, list[tuple[tuple[str, ...], list[float]]]] = defaultdict(list)
        for (name, *labels), cells in recorder.read_all().items():
            found[name].append((tuple(labels), [*map(float, cells)]))
        for name, values, value in self._node.samples():
            found[name].append((values, [float(value)]))
        yield from (_family(metric, found[metric.name]) for metric in METRICS if metric.name in found)


def _family(metric: Metric, found: Iterable[tuple[tuple[str, ...], list[float]]]) -> Family:
    family = Family(
        metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name, metric.help_text, metric.kind
    )
    for values, cells in found:
        labels = dict(zip(metric.labels, values, strict=True))
        if metric.kind == "histogram":
            _add_histogram(family, metric, labels, cells)
        else:
            family.add_sample(metric.name, labels, cells[0])
    return family


def _add_histogram(family: Family, metric: Metric, labels: dict[str, str], cells: list[float]) -> None:
    """Buckets are told as the sum of all up to them."""
    counts = list(accumulate(cells[:-1]))
    for edge, count in zip((*map(str, metric.buckets), "+Inf"), counts, strict=True):
        family.add_sample(f"{metric.name}_bucket", {**labels, "le": edge}, count)
    family.add_sample(f"{metric.name}_sum", labels, cells[-1] / recorder.NANOSECONDS)
    family.add_sample(f"{metric.name}_count", labels, counts[-1])
