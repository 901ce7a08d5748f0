"""Requests and answers."""

import re
from decimal import Decimal

from bullpen.messages import DEFAULT_PRIORITY, MICROS_PER_DOLLAR, Request, Usage, new_id


def test_ids_are_opaque_and_never_repeat() -> None:
    """An id is its prefix and 32 hex digits, and a thousand of them are a thousand."""
    ids = {new_id("run") for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"run_[0-9a-f]{32}", each) for each in ids)


def test_a_request_names_its_run_and_session() -> None:
    """Agno is never left to invent an id (trap T4): two equal requests are two runs in two sessions."""
    one, other = (Request(agent_type="general", task="Hello") for _ in range(2))
    assert one.run_id != other.run_id
    assert one.session_id != other.session_id
    assert one.priority == DEFAULT_PRIORITY == 3


def test_money_is_whole_micro_dollars() -> None:
    """A dollar is a million of them, and nothing costs nothing."""
    assert Decimal(MICROS_PER_DOLLAR) * Decimal("0.000001") == 1
    assert Usage().cost == 0
    assert isinstance(Usage().cost, int)
