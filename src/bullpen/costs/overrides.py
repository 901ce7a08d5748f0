"""The operator's own prices: a YAML file that wins over the public list.

    openai:gpt-4o: {input: 2.50, output: 10.00}   # dollars per million tokens

Numbers are read as they are written, never through a float.
"""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

import yaml

from bullpen.costs.rates import Rate
from bullpen.llm.ports import ModelName
from bullpen.nodes import Reader

__all__ = ["read_overrides"]

_DIRECTIONS: Final = ("input", "output")


def read_overrides(path: Path) -> dict[ModelName, Rate]:
    """The prices in the file at `path`.

    Raises:
        Misconfigured: With every problem found, each with file and line.
    """
    reader = _Reader(path)
    rates = dict(reader.rates())
    reader.check()
    return rates


class _Reader(Reader):
    """Walks the price file."""

    def rates(self) -> Iterator[tuple[ModelName, Rate]]:
        root = self.root()
        if root is None:
            return
        for key, below in self.entries(root, what="model"):
            provider, _, model_id = key.value.partition(":")
            if not provider.strip() or not model_id.strip():
                self.note(key, "expected a model as `provider:model`, such as `openai:gpt-4o`.")
                continue
            prices = dict(self._prices(below))
            if all(direction in prices for direction in _DIRECTIONS):
                yield (
                    ModelName(provider, model_id),
                    Rate.flat(input_price=prices["input"], output_price=prices["output"]),
                )

    def _prices(self, node: yaml.Node) -> Iterator[tuple[str, Decimal]]:
        """The two prices in dollars; what is wrong with one, or that it is missing, is noted."""
        if not isinstance(node, yaml.MappingNode):
            self.note(node, "expected `{input: …, output: …}` in dollars per million tokens.")
            return
        given = {key.value: below for key, below in self.entries(node, what="field", known=_DIRECTIONS)}
        missing = [direction for direction in _DIRECTIONS if direction not in given]
        if missing:
            self.note(node, f"`{'` and `'.join(missing)}` missing; say 0 for what is free.")
        for direction, below in given.items():
            price = _dollars(below)
            if price is None:
                self.note(below, "expected a price of 0 or more, in dollars per million tokens, such as 2.50.")
            else:
                yield direction, price


def _dollars(node: yaml.Node) -> Decimal | None:
    try:
        price = Decimal(str(node.value))
    except InvalidOperation:
        return None
    return price if price.is_finite() and price >= 0 else None
