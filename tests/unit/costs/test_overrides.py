"""The operator's own prices."""

from decimal import Decimal
from pathlib import Path

import pytest

from bullpen.costs.overrides import read_overrides
from bullpen.costs.rates import Rate
from bullpen.errors import Misconfigured
from bullpen.llm.ports import ModelName


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    return tmp_path / "prices.yaml"


def test_prices_are_read_to_the_last_digit(prices: Path) -> None:
    """A number is taken as it is written: no float comes between; quoted or not is the same."""
    prices.write_text("openai:gpt-4o: {input: 0.1000000000000000055, output: '10.00'}\n")
    (rate,) = read_overrides(prices).values()
    assert rate == Rate.flat(input_price=Decimal("0.1000000000000000055"), output_price=Decimal("10.00"))


def test_a_models_id_may_have_colons(prices: Path) -> None:
    """The provider ends at the first one, as in a catalogue."""
    prices.write_text("ollama:llama3:8b: {input: 0, output: 0}\n")
    assert list(read_overrides(prices)) == [ModelName("ollama", "llama3:8b")]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n"])
def test_an_empty_file_is_no_prices(prices: Path, text: str) -> None:
    """A file with everything commented out is a file."""
    prices.write_text(text)
    assert read_overrides(prices) == {}


@pytest.mark.parametrize(
    ("text", "line", "meant"),
    [
        ("openai:gpt-4o: {input: 1}", 1, "`output` missing"),
        ("openai:gpt-4o: {}", 1, "`input` and `output` missing"),
        ("\nopenai:gpt-4o: {input: 1, output: 2, cached: 3}", 2, "unknown field `cached`"),
        ("openai:gpt-4o:\n  input: cheap\n  output: 1", 2, "price of 0 or more"),
        ("openai:gpt-4o:\n  input: 1\n  output: -1", 3, "price of 0 or more"),
        ("openai:gpt-4o: {input: .nan, output: 1}", 1, "price of 0 or more"),
        ("openai:gpt-4o: {input: Infinity, output: 1}", 1, "price of 0 or more"),
        ("openai:gpt-4o: {input: [1], output: 1}", 1, "price of 0 or more"),
        ("openai:gpt-4o: 2.50", 1, "{input: …, output: …}"),
        ("gpt-4o: {input: 1, output: 1}", 1, "`provider:model`"),
        ("'openai:': {input: 1, output: 1}", 1, "`provider:model`"),
        ("a:b: {input: 1, output: 1}\na:b: {input: 2, output: 2}", 2, "the model `a:b` is given twice"),
        ("[1, 2]", 1, "expected a mapping by model, and found a list"),
        ("a: {", 1, "is not valid YAML"),
        ("a: b: c", 1, "is not valid YAML"),
        ("a\x00b", 1, "is not valid YAML"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(prices: Path, text: str, line: int, meant: str) -> None:
    """The operator is sent to the very line, and told what was meant."""
    prices.write_text(text)
    with pytest.raises(Misconfigured) as caught:
        read_overrides(prices)
    assert str(caught.value).startswith(f"{prices}:{line}: ")
    assert meant in str(caught.value)


def test_all_mistakes_are_told_at_once(prices: Path) -> None:
    """One start, one list."""
    prices.write_text("a:b: 1\nc:d: {input: 1, output: 1}\ne: 1\n")
    with pytest.raises(Misconfigured) as caught:
        read_overrides(prices)
    assert [problem.split(": ")[0] for problem in caught.value.problems] == [f"{prices}:1", f"{prices}:3"]


def test_a_missing_file_is_told(prices: Path) -> None:
    """A path that was set and leads nowhere is a mistake, not an empty list."""
    with pytest.raises(Misconfigured, match="cannot be read"):
        read_overrides(prices)


def test_a_file_that_is_not_text_is_told(prices: Path) -> None:
    """Any bytes at all give our kind of error."""
    prices.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Misconfigured, match="cannot be read"):
        read_overrides(prices)
