"""Samples of metrics at one moment, from the store of this node or from the text that another node exposes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tintype.telemetry import recorder
from tintype.telemetry.collectors import Sample
from tintype.telemetry.definitions import BY_NAME

Series = Mapping[tuple[str, frozenset[tuple[str, str]]], float]
"""Values by the name in the exposition (``…_sum`` of a histogram) and the labels with their values."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Values of series. Both sources give the same names and labels; the local one has no histogram buckets."""

    series: Series

    @classmethod
    def parse(cls, text: str) -> Samples:
        """From Prometheus' text format; raises ValueError unless the text comes from Tintype."""
        from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415 - only ``tintype top`` parses

        families = list(text_string_to_metric_families(text))
        series = {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}
        if not any(name == "tintype_build_info" for name, _ in series):
            raise ValueError("the text contains no metrics of Tintype")
        return cls(series)

    @classmethod
    def local(cls, collected: Iterable[Sample]) -> Samples:
        """From the shared store of this node, and from samples collected beside it."""
        series: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        for (name, *values), cells in recorder.read_all().items():
            metric = BY_NAME.get(name)
            labels = frozenset(zip(metric.labels, values, strict=True)) if metric else frozenset()
            if metric and metric.kind == "histogram":
                series[f"{name}_sum", labels] = cells[-1] / recorder.NANOSECONDS
                series[f"{name}_count", labels] = sum(cells[:-1])
            else:
                series[name, labels] = cells[0]
        for name, label_values, value in collected:
            series[name, frozenset(zip(BY_NAME[name].labels, label_values, strict=True))] = float(value)
        return cls(series)

    def value(self, name: str) -> float | None:
        """The value of a series, summed over its labels; None if it is missing."""
        values = [value for (metric, _), value in self.series.items() if metric == name]
        return sum(values) if values else None

    def sum_by(self, name: str, label: str, **only: tuple[str, ...]) -> Counter[str]:
        """Values summed by one label; ``only`` restricts other labels to these values."""
        sums: Counter[str] = Counter()
        for (metric, pairs), value in self.series.items():
            labels = dict(pairs)
            if metric == name and all(labels.get(other) in values for other, values in only.items()):
                sums[labels.get(label, "")] += value  # type: ignore[assignment]
        return sums

    def label(self, name: str, label: str) -> str:
        """The value of a label of a metric with one series; empty if it is missing."""
        return next((dict(labels).get(label, "") for metric, labels in self.series if metric == name), "")
