"""The operator's own prices: a YAML file that wins over the public list.

    openai:gpt-4o: {input: 2.50, output: 10.00}   # dollars per million tokens

Numbers are read as they are written, never through a float.
"""

from collections.abc import Container, Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

import yaml

from bullpen.costs.rates import Rate
from bullpen.errors import Misconfigured
from bullpen.llm.ports import ModelName

__all__ = ["read_overrides"]

_DIRECTIONS: Final = ("input", "output")


class _Problem(Exception):
    """One mistake in the file, at one node."""

    def __init__(self, node: yaml.Node, text: str) -> None:
        super().__init__(text)
        self.line = node.start_mark.line + 1


def read_overrides(path: Path) -> dict[ModelName, Rate]:
    """The prices in the file at `path`.

    Raises:
        Misconfigured: With every problem found, each with file and line.
    """
    rates: dict[ModelName, Rate] = {}
    problems: list[str] = []
    for key, value in _entries(path):
        try:
            model = _model(key, taken=rates)
            rates[model] = _rate(value)
        except _Problem as problem:
            problems.append(f"{path}:{problem.line}: {problem}")
    if problems:
        raise Misconfigured(*problems)
    return rates


def _entries(path: Path) -> list[tuple[yaml.Node, yaml.Node]]:
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: the price file cannot be read ({type(error).__name__}).") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Misconfigured(f"{path}:{line}: this is not YAML ({error.problem}).") from error
    except yaml.YAMLError as error:
        raise Misconfigured(f"{path}:1: this is not YAML.") from error
    if root is None or root.tag == "tag:yaml.org,2002:null":
        return []
    if not isinstance(root, yaml.MappingNode):
        raise Misconfigured(f"{path}:1: expected `provider:model: {{input: …, output: …}}`, one a line.")
    return list(root.value)


def _model(node: yaml.Node, *, taken: Container[ModelName]) -> ModelName:
    provider, _, model_id = str(node.value).partition(":") if isinstance(node, yaml.ScalarNode) else ("", "", "")
    if not provider.strip() or not model_id.strip():
        raise _Problem(node, "expected a model as `provider:model`, such as `openai:gpt-4o`.")
    model = ModelName(provider, model_id)
    if model in taken:
        raise _Problem(node, f"{model} has a price already; remove one of the two.")
    return model


def _rate(node: yaml.Node) -> Rate:
    if not isinstance(node, yaml.MappingNode):
        raise _Problem(node, "expected `{input: …, output: …}` in dollars per million tokens.")
    prices = dict(_prices(node))
    missing = [direction for direction in _DIRECTIONS if direction not in prices]
    if missing:
        raise _Problem(node, f"`{'` and `'.join(missing)}` missing; say 0 for what is free.")
    return Rate.flat(input_price=prices["input"], output_price=prices["output"])


def _prices(node: yaml.MappingNode) -> Iterator[tuple[str, Decimal]]:
    for key, value in node.value:
        if key.value not in _DIRECTIONS:
            raise _Problem(key, f"unknown field `{key.value}`; there are `input` and `output`.")
        yield key.value, _dollars(value)


def _dollars(node: yaml.Node) -> Decimal:
    try:
        price = Decimal(str(node.value))
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite() or price < 0:
        raise _Problem(node, "expected a price of 0 or more, in dollars per million tokens, such as 2.50.")
    return price
