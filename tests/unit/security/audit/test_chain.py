"""The chain's rows and their hashes."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.security.audit.chain import GENESIS, Entry, digest, entry, place_of

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ROW: Mapping[str, st.SearchStrategy[Any]] = {
    "tenant": TEXT,
    "number": st.integers(1, 2**53),
    "previous": st.just(GENESIS),
    "id": TEXT,
    "at": st.floats(0, 4e9),
    "type": TEXT,
    "outcome": TEXT,
    "credential": TEXT,
    "request_id": TEXT,
    "route": TEXT,
    "details": TEXT,
    "actor": TEXT,
    "subject": TEXT,
}
CONTENTS = st.tuples(*ROW.values())


def row(number: int = 5) -> Entry:
    return entry("acme", number, GENESIS, "e", 1.0, "t", "success", "jwt", "r", "/", "{}", "", "")


@given(CONTENTS)
def test_a_row_has_the_hash_of_its_content(content: tuple[Any, ...]) -> None:
    """What is written down is what verification computes."""
    assert entry(*content).hash == digest(entry(*content))


@given(CONTENTS, CONTENTS)
def test_different_rows_have_different_hashes(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    """The encoding can be read in one way only: no two contents share a hash."""
    assert (entry(*one).hash == entry(*other).hash) == (one == other)


@given(CONTENTS, st.integers(0, len(ROW) - 2), TEXT)
def test_what_moves_from_one_field_to_the_next_is_seen(content: tuple[Any, ...], at: int, text: str) -> None:
    """A text at the end of one field is not the same at the start of the next."""
    left, right = list(content), list(content)
    left[at], right[at + 1] = f"{content[at]}{text}", f"{text}{content[at + 1]}"
    assert (entry(*left).hash == entry(*right).hash) == (left == right)


@pytest.mark.parametrize("foreign", [None, b"blob", "5", 5.5, 2**62])
def test_a_value_of_a_foreign_type_is_a_change(foreign: object) -> None:
    """SQLite keeps what it is given: a blob or a NULL where a text was is told, and does not stop the verification."""
    assert digest(row()._replace(details=foreign)) != row().hash  # type: ignore[arg-type] # somebody's hand put it there


def test_a_row_that_was_moved_knows_where_it_was() -> None:
    """The hash fits at one number only, and that is found."""
    assert place_of(row(5)._replace(number=900)) == 5
    assert place_of(row(900)._replace(number=5)) == 900
    assert place_of(row(5)._replace(number=900, outcome="denied")) is None
