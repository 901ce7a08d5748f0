"""The tree of error kinds."""

import inspect
import re
from itertools import pairwise

import pytest

from bullpen import errors
from bullpen.errors import BullpenError, FieldError, InvalidRequest, Misconfigured, PoolExhausted, UnknownAgent

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, BullpenError)]


def drawn() -> dict[str, str | None]:
    """Every class of the tree in the module's docstring, with its parent."""
    found: dict[str, str | None] = {}
    open_branches: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"    (?P<branch>[│├└─ ]*)(?P<name>[A-Z][A-Za-z]+)( |$)", line)
        if match is None:
            continue
        depth = len(match["branch"])
        open_branches = [branch for branch in open_branches if branch[0] < depth]
        found[match["name"]] = open_branches[-1][1] if open_branches else None
        open_branches.append((depth, match["name"]))
    return found


def test_the_drawing_is_the_tree() -> None:
    """The docstring shows every class, under the class it derives from."""
    real = {kind.__name__: None if kind is BullpenError else kind.__mro__[1].__name__ for kind in KINDS}
    assert drawn() == real


def test_every_kind_is_exported() -> None:
    """What can be raised can be imported."""
    assert {kind.__name__ for kind in KINDS} | {"FieldError"} == set(errors.__all__)


def test_kinds_are_unique_and_each_class_has_its_own() -> None:
    """Programs tell errors apart by `kind` alone."""
    assert all("kind" in vars(kind) for kind in KINDS)
    kinds = sorted(kind.kind for kind in KINDS)
    assert all(one != other for one, other in pairwise(kinds))
    assert all(re.fullmatch(r"[a-z_]+", kind) for kind in kinds)


@pytest.mark.parametrize("kind", KINDS)
def test_a_title_is_one_plain_sentence(kind: type[BullpenError]) -> None:
    """Every class explains itself, on the first line of a docstring of its own."""
    title = kind("detail").title
    assert "__doc__" in vars(kind)
    assert title
    assert "\n" not in title
    assert not title.endswith(".")


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_says_its_detail(kind: type[BullpenError]) -> None:
    """The text given is the text shown."""
    assert str(kind("what happened")) == "what happened"
    assert kind("what happened").detail == "what happened"


def test_unavailable_always_says_when_to_come_back() -> None:
    """A 503 without Retry-After cannot be built; elsewhere there is none unless it is given."""
    assert PoolExhausted("full").retry_after == 1
    assert PoolExhausted("full", retry_after=7).retry_after == 7
    assert UnknownAgent("who?").retry_after is None


def test_misconfigured_keeps_every_problem() -> None:
    """All that is wrong is told at once."""
    error = Misconfigured("first", "second")
    assert error.problems == ("first", "second")
    assert str(error) == "first\nsecond"


def test_an_invalid_request_names_its_fields() -> None:
    """A field's path reaches the caller."""
    field = FieldError("requests.0.task", "must not be blank")
    assert InvalidRequest("no", fields=[field]).fields == (field,)
