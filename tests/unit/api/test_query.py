"""What stands after the question mark."""

import pytest
from starlette.requests import Request

from bullpen.api.query import Asked, parameter
from bullpen.errors import InvalidRequest

KNOWN = (parameter("limit", "How many"), parameter("kind", "Which"))


def asked(query: str) -> Asked:
    return Asked(Request({"type": "http", "query_string": query.encode(), "headers": []}), *KNOWN)


def read(query: str) -> tuple[int, str | None]:
    found = asked(query)
    return found.number("limit", least=1, most=500, default=50), found.one_of("kind", ["a", "b"])


def refused_fields(query: str) -> list[str]:
    with pytest.raises(InvalidRequest) as refused:
        read(query)
    assert refused.value.detail
    return [field.path for field in refused.value.fields]


def test_what_is_left_out_has_its_default() -> None:
    """Nothing is needed."""
    assert asked("").number("limit", least=1, most=500, default=50) == 50
    assert asked("").one_of("kind", ["a"]) is None
    assert asked("").text("kind") is None


def test_what_is_sent_is_read() -> None:
    """As text, a number or one of few words."""
    found = asked("limit=500&kind=a")
    assert found.number("limit", least=1, most=500, default=50) == 500
    assert found.one_of("kind", ["a", "b"]) == "a"
    assert asked("kind=%27%20OR%201%3D1").text("kind") == "' OR 1=1"


@pytest.mark.parametrize("limit", ["0", "-1", "501", "1e9", "abc", "1000000000", "9" * 40, "+1", "1.0", "%20", "٣"])
def test_a_number_that_is_none_is_refused(limit: str) -> None:
    """So is one out of bounds, and digits that are not ours."""
    assert refused_fields(f"limit={limit}") == ["limit"]


def test_a_word_that_is_not_known_is_refused() -> None:
    """The refusal says which there are."""
    assert refused_fields("kind=c") == ["kind"]


@pytest.mark.parametrize(
    ("query", "fields"),
    [("limt=5", ["limt"]), ("limit=1&limit=2", ["limit"]), ("kind=", ["kind"]), ("kind=" + "x" * 300, ["kind"])],
)
def test_a_query_that_cannot_be_meant_is_refused(query: str, fields: list[str]) -> None:
    """A name that is not known, one twice, an empty value, and one longer than makes sense."""
    assert refused_fields(query) == fields


def test_an_answer_does_not_outgrow_its_question() -> None:
    """Of very many wrong names some are told."""
    assert len(refused_fields("&".join(f"n{number}=1" for number in range(500)))) == 20
