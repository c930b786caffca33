"""What does another node tell of itself? Its /metrics, read back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

Series = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


@dataclass(frozen=True, slots=True)
class Scrape:
    """Every series at one moment; ``at`` is seconds of whatever clock the caller has."""

    at: float
    series: Series

    @classmethod
    def parse(cls, text: str, at: float) -> Scrape:
        """From Prometheus' text format; raises ValueError for anything else, or for what another program tells."""
        families = list(text_string_to_metric_families(text))
        found = {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}
        if not any(name == "tintype_build_info" for name, _ in found):
            raise ValueError("these are not the figures of a Tintype")
        return cls(at, found)

    def value(self, name: str) -> float | None:
        """What a figure stands at, summed over its labels; None where it is not told."""
        values = [value for (metric, _), value in self.series.items() if metric == name]
        return sum(values) if values else None

    def sum_by(self, name: str, label: str, **only: tuple[str, ...]) -> Counter[str]:
        """A figure by one of its labels; ``only`` the series whose other labels are among these values."""
        sums: Counter[str] = Counter()
        for (metric, labels), value in self.series.items():
            said = dict(labels)
            if metric == name and all(said.get(other) in values for other, values in only.items()):
                sums[said.get(label, "")] += value  # type: ignore[assignment]
        return sums

    def label(self, name: str, label: str) -> str:
        """The value of a label of a figure that there is once; empty where it is not told."""
        return next((dict(labels).get(label, "") for metric, labels in self.series if metric == name), "")
