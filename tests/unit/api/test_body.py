"""Bodies: in time, and what is wrong with them in few words."""

import asyncio
from typing import Any

import orjson
import pytest
from starlette.requests import Request
from starlette.types import Message

from bullpen.api.body import body_of, requests_of
from bullpen.api.wire import BatchBody, ExecuteBody
from bullpen.errors import DeadlineExceeded, InvalidRequest
from bullpen.resilience import Deadline


def sent(body: bytes | None, *, within: float = 10) -> Request:
    """A request with that body, or with one that never comes."""

    async def receive() -> Message:
        if body is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": body}

    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "headers": [(b"content-type", b"application/json")],
        "state": {"deadline": Deadline.after(within)},
    }
    return Request(scope, receive)


def nested(levels: int) -> Any:
    document: Any = 1
    for _ in range(levels):
        document = {"a": document}
    return document


async def refusal(body: bytes) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        await body_of(sent(body), ExecuteBody)
    return caught.value


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    """The request's deadline bounds the reading too."""
    with pytest.raises(DeadlineExceeded):
        await body_of(sent(None, within=0.01), ExecuteBody)


@pytest.mark.parametrize("count", [21, 99, 101, 80_000])
async def test_very_many_wrong_fields_are_counted(count: int) -> None:
    """However many fields are wrong, the answer stays small and says how many."""
    error = await refusal(orjson.dumps({"agent_type": "x", "task": "x"} | {f"f{n}": n for n in range(count)}))
    assert len(error.fields) <= 20
    assert len(error.detail) < 3000
    assert str(count - 20) in error.detail or str(count + 2) in error.detail


async def test_a_nest_is_named_by_its_field() -> None:
    """What is nested too deep is told with the path of the field, not of its innermost part."""
    body = b'{"agent_type":"x","task":"x","context":' + b'{"a":' * 400 + b"1" + b"}" * 400 + b"}"
    error = await refusal(body)
    assert [field.path for field in error.fields] == ["context"]


async def test_what_is_no_object_is_told_so() -> None:
    """Without names of our own classes."""
    assert (await refusal(b"[]")).fields[0].message == "Must be a JSON object"


@pytest.mark.parametrize("item", [None, 5, "x", [], {}, nested(400), {f"f{n}": n for n in range(500)}], ids=range(7))
def test_an_item_of_any_kind_is_wrong_by_itself(item: Any) -> None:
    """A batch's item that is not even an object spoils no other."""
    good = {"agent_type": "general", "task": "x"}
    batch = BatchBody(requests=[good, item, good])
    first, second, third = requests_of(batch)
    assert isinstance(second, InvalidRequest)
    assert second.fields[0].path.startswith("requests.1")
    assert not isinstance(first, InvalidRequest)
    assert not isinstance(third, InvalidRequest)
