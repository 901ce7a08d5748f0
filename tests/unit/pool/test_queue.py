"""The waiting line."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.pool.queue import Queue, Ticket

TYPES = "abc"


class NeverCalled:
    """Stands where a ticket's future does: the line itself never looks at it."""


def ticket(agent_type: str, *, since: float = 0.0) -> Ticket:
    called = NeverCalled()
    return Ticket(agent_type=agent_type, tenant="t", priority=3, since=since, called=called)  # type: ignore[arg-type] # see above


def everybody(_: str) -> bool:
    return True


def test_first_come_first_served() -> None:
    """Over all types, the oldest ticket is next."""
    queue = Queue()
    tickets = [ticket(agent_type) for agent_type in "abacb"]
    for each in tickets:
        queue.join(each)
    assert [queue.next(everybody) for _ in tickets] == tickets
    assert queue.next(everybody) is None


def test_a_saturated_type_holds_up_nobody_else() -> None:
    """The oldest of those whose type has room is next, wherever it stands (no head-of-line blocking)."""
    queue = Queue()
    first, second, third = ticket("a"), ticket("a"), ticket("b")
    for each in (first, second, third):
        queue.join(each)
    assert queue.next(lambda agent_type: agent_type != "a") is third
    assert queue.next(lambda agent_type: agent_type != "a") is None
    assert queue.next(everybody) is first
    assert queue.next(everybody) is second


def test_who_leaves_is_gone() -> None:
    """From the middle too, and only once."""
    queue = Queue()
    tickets = [ticket("a") for _ in range(3)]
    for each in tickets:
        queue.join(each)
    assert queue.leave(tickets[1])
    assert not queue.leave(tickets[1])
    assert not queue.leave(ticket("b"))
    assert [queue.next(everybody), queue.next(everybody), queue.next(everybody)] == [tickets[0], tickets[2], None]


def test_the_longest_wait_is_the_oldest_tickets() -> None:
    """Of those still waiting."""
    queue = Queue()
    assert queue.since() is None
    for agent_type, since in (("a", 3.0), ("b", 1.0), ("a", 5.0)):
        queue.join(ticket(agent_type, since=since))
    assert queue.since() == pytest.approx(1.0)
    queue.next(lambda agent_type: agent_type == "b")
    assert queue.since() == pytest.approx(3.0)


@given(st.lists(st.one_of(st.sampled_from(TYPES), st.integers(0, 20), st.sets(st.sampled_from(TYPES)))))
def test_the_line_is_what_a_plain_list_would_be(steps: list[str | int | set[str]]) -> None:
    """Against the obvious list, for any mix of joining (a type), leaving (an index) and serving (types with room)."""
    queue, plain = Queue(), list[Ticket]()
    for step in steps:
        if isinstance(step, str):
            plain.append(ticket(step))
            queue.join(plain[-1])
        elif isinstance(step, set):
            served = next((each for each in plain if each.agent_type in step), None)
            assert queue.next(step.__contains__) is served
            plain = [each for each in plain if each is not served]
        elif step < len(plain):
            assert queue.leave(plain.pop(step))
        assert len(queue) == len(plain)
        assert {name: queue.waiting(name) for name in TYPES} == {
            name: Counter(each.agent_type for each in plain)[name] for name in TYPES
        }
