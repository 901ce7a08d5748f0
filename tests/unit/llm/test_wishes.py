"""What a task asks of a tool."""

import json

import pytest
from agno.tools.calculator import CalculatorTools

from bullpen.llm.wishes import Wish, sum_in, wish


def offered(*names: str) -> list[dict[str, object]]:
    properties = {"a": {"type": "number"}, "b": {"type": "number"}}
    parameters = {"type": "object", "properties": properties}
    return [{"type": "function", "function": {"name": name, "parameters": parameters}} for name in names]


EVERYTHING = offered("add", "subtract", "multiply", "divide", "exponentiate")


@pytest.mark.parametrize(
    ("task", "tool", "numbers"),
    [
        ("What is 17 * 23?", "multiply", (17, 23)),
        ("17*23", "multiply", (17, 23)),
        ("how much is 2 times 2.5", "multiply", (2, 2.5)),
        ("3 \u00d7 4", "multiply", (3, 4)),
        ("3 x 4 please", "multiply", (3, 4)),
        ("1+1", "add", (1, 1)),
        ("-5 plus 3", "add", (-5, 3)),
        ("9 - 4", "subtract", (9, 4)),
        ("9 minus -4", "subtract", (9, -4)),
        ("10 / 4", "divide", (10, 4)),
        ("10 divided by 4", "divide", (10, 4)),
        ("2 ** 10", "exponentiate", (2, 10)),
        ("2^10", "exponentiate", (2, 10)),
        ("2 to the power of 10", "exponentiate", (2, 10)),
    ],
)
def test_a_sum_calls_the_function_for_it(task: str, tool: str, numbers: tuple[float, float]) -> None:
    """In signs or in words; the numbers become the function's first two arguments."""
    wished = wish(task, EVERYTHING)
    assert wished is not None
    assert wished.tool == tool
    assert json.loads(wished.arguments) == {"a": numbers[0], "b": numbers[1]}


@pytest.mark.parametrize("task", ["on 2026-11-20", "from 2020-2024", "docs/1/2", "a 4x4 car", "hello", ""])
def test_what_is_no_sum_calls_nothing(task: str) -> None:
    """Dates, ranges, paths and names stay what they are."""
    assert wish(task, EVERYTHING) is None


def test_a_sum_without_its_function_calls_nothing() -> None:
    """Only tools that are offered are called."""
    assert wish("2 * 3", offered("add")) is None
    assert wish("2 * 3", []) is None


def test_any_tool_can_be_called_by_name() -> None:
    """`call <tool> with {json}` goes before a sum, and takes the JSON alone."""
    wished = wish(
        'Please call `look.up-it` with {"id": 2, "deep": {"x": "}"}} and 2 * 2.', offered("look.up-it", "add")
    )
    assert wished == Wish(tool="look.up-it", arguments='{"id": 2, "deep": {"x": "}"}}')


@pytest.mark.parametrize("task", ['call other with {"a": 1}', "call add with {broken", "call add with nothing"])
def test_a_call_that_makes_no_sense_calls_nothing(task: str) -> None:
    """A tool that is not there, and JSON that is none, are no wish."""
    assert wish(task, offered("add")) is None


def test_the_operations_are_the_names_of_agnos_calculator() -> None:
    """The names held here and Agno's own agree."""
    functions = CalculatorTools().functions  # type: ignore[no-untyped-call] # Agno's constructor has no types
    assert {"add", "subtract", "multiply", "divide", "exponentiate"} <= set(functions)


def test_a_sum_is_found_as_it_is_written() -> None:
    """So that the answer can repeat it; most tasks have none."""
    found = sum_in("What is 17  * 23, please?")
    assert found is not None
    assert (found.operation, found.text, found.numbers) == ("multiply", "17 * 23", ("17", "23"))
    assert sum_in("On 2026-01-02 nothing happened.") is None
