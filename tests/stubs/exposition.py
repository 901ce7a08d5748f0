"""Reading Prometheus' text format."""

from prometheus_client.parser import text_string_to_metric_families

__all__ = ["Exposition"]


class Exposition:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self._families = list(text_string_to_metric_families(text))

    @property
    def names(self) -> set[str]:
        """The families' names, counters with their `_total`."""
        return {family.name + ("_total" if family.type == "counter" else "") for family in self._families}

    @property
    def counters(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """The value of every counter's series, by its name and labels."""
        counted = (family.samples for family in self._families if family.type == "counter")
        return {(each.name, frozenset(each.labels.items())): each.value for samples in counted for each in samples}

    def value(self, name: str, **labels: str) -> float:
        """The sum over every sample of that name with (at least) these labels."""
        samples = (sample for family in self._families for sample in family.samples)
        wanted = labels.items()
        return sum(sample.value for sample in samples if sample.name == name and wanted <= sample.labels.items())
