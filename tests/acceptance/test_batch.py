"""`POST /agent/batch`: many tasks, each answered on its own."""

from typing import Any

import httpx
import pytest

from tests.stubs.behaviour import SECRET
from tests.stubs.upstream import Upstream


def batch(client: httpx.Client, items: list[Any]) -> list[dict[str, Any]]:
    response = client.post("/agent/batch", json={"requests": items})
    assert response.status_code == 200, response.text
    results: list[dict[str, Any]] = response.json()["results"]
    return results


def test_the_order_is_kept(client: httpx.Client) -> None:
    """Results come in the order of the requests, also when an early one takes longest."""
    slow = {"agent_type": "openai_slow_300ms", "task": "Slow"}
    quick = [{"agent_type": "openai_echo", "task": f"Task {number}"} for number in range(20)]
    results = batch(client, [slow, *quick])
    assert results[0]["agent_type"] == "openai_slow_300ms"
    assert [result["result"].rpartition(" ")[2] for result in results[1:]] == [str(number) for number in range(20)]


def test_an_error_is_the_items_own(client: httpx.Client) -> None:
    """A bad item is answered as a problem with the path of what is wrong, and spoils no other."""
    good = {"agent_type": "general", "task": "Hello"}
    items = [good, {"agent_type": "general"}, {"agent_type": "nobody", "task": "x"}, good, "not even an object", None]
    results = batch(client, items)
    assert [result["success"] for result in results] == [item is good for item in items]
    assert [result["fields"][0]["path"] for result in results[4:]] == ["requests.4", "requests.5"]
    assert results[1]["status"] == 422
    assert results[1]["fields"][0]["path"] == "requests.1.task"
    assert results[2]["status"] == 404


def test_a_failing_model_is_the_items_own(client: httpx.Client) -> None:
    """A provider's failure is told without its words."""
    results = batch(client, [{"agent_type": name, "task": "Hello"} for name in ("openai_500", "general")])
    assert [result["success"] for result in results] == [False, True]
    assert results[0]["status"] == 502
    assert SECRET not in str(results)


@pytest.mark.parametrize("count", [0, 101])
def test_the_size_is_bounded(client: httpx.Client, upstream: Upstream, count: int) -> None:
    """None and more than 100 are refused with 422, and nothing runs."""
    response = client.post("/agent/batch", json={"requests": [{"agent_type": "general", "task": "x"}] * count})
    assert response.status_code == 422
    assert response.json()["fields"][0]["path"] == "requests"
    assert upstream.calls() == []


def test_a_hundred_are_taken(client: httpx.Client) -> None:
    """100 is within the bound."""
    results = batch(client, [{"agent_type": "general", "task": "Hello"}] * 100)
    assert [result["success"] for result in results] == [True] * 100
    assert len({result["run_id"] for result in results}) == 100


@pytest.mark.parametrize("body", [{}, {"requests": "x"}, {"requests": [], "surprise": 1}])
def test_a_wrong_body(client: httpx.Client, body: dict[str, Any]) -> None:
    """422 as a problem."""
    response = client.post("/agent/batch", json=body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
