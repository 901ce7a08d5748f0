"""The waiting line: levels, ageing, who stands before whom, and who makes way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.pool.queue import Queue
from bullpen.pool.tenants import Tenant
from bullpen.pool.ticket import Ticket
from tests.stubs.lanes import ticket

AGEING = 10.0


def everybody(_: str) -> bool:
    return True


def queue() -> Queue:
    return Queue(ageing=AGEING)


def join(line: Queue, *tickets: Ticket) -> None:
    for each in tickets:
        line.join(each)


def serve(line: Queue, *, now: float = 0.0) -> Ticket | None:
    served = line.first(everybody, now=now)
    if served is not None:
        line.serve(served)
    return served


def test_the_better_priority_goes_first() -> None:
    """Whatever came before it."""
    line = queue()
    tickets = [ticket(priority=priority) for priority in (5, 3, 1, 4, 2)]
    join(line, *tickets)
    assert [served.priority for _ in tickets if (served := serve(line))] == [1, 2, 3, 4, 5]
    assert serve(line) is None


def test_a_saturated_type_holds_up_nobody_else() -> None:
    """The next is the next of those whose type has room, wherever it stands."""
    line = queue()
    first, second = ticket("a", priority=1), ticket("b", priority=5)
    join(line, first, second)
    assert line.first(lambda agent_type: agent_type == "b", now=0) is second
    assert line.first(lambda _: False, now=0) is None
    assert line.first(everybody, now=0) is first


def test_who_waits_moves_up() -> None:
    """One level for each ten seconds, into the first after forty; from there on, no priority overtakes it."""
    line = queue()
    patient = ticket(priority=5, since=0.0)
    join(line, ticket("b", priority=1), patient)
    for now, level in ((9.9, 4), (10.0, 3), (25.0, 2), (39.9, 1), (40.0, 0), (99.0, 0)):
        line.age(now)
        assert patient.level == level
    join(line, ticket(priority=1, since=100.0))
    assert line.first(lambda agent_type: agent_type == "a", now=100.0) is patient


def test_where_nobody_is_overtaken_nobody_moves() -> None:
    """One priority alone is one level, however long it waits: its tenants take turns, whatever their age."""
    line = queue()
    alone = ticket(priority=4)
    join(line, alone)
    line.age(1000.0)
    assert alone.level == 3


def test_a_long_silence_moves_up_by_all_of_it() -> None:
    """Nobody has to look in between."""
    line = queue()
    patient = ticket(priority=5)
    join(line, patient, ticket("b", priority=1))
    line.age(1000.0)
    assert patient.level == 0
    assert line.by_priority() == [1, 0, 0, 0, 1]


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(1, 5)), min_size=1, max_size=60), st.floats(0.5, 4))
def test_ageing_bounds_the_wait(arrivals: list[tuple[float, int]], pause: float) -> None:
    """One tenant, one lane every `pause` seconds: nobody is overtaken by who comes (priority - 1) * ageing after it."""
    line, tenant, now = queue(), Tenant("t", weight=1.0), 0.0
    coming, served = list[Ticket](), list[tuple[float, Ticket]]()
    for gap, priority in arrivals:
        now += gap
        coming.append(ticket(tenant=tenant, priority=priority, since=now))
    moment, waiting = 0.0, list(coming)
    while len(served) < len(coming):
        while waiting and waiting[0].since <= moment:
            join(line, waiting.pop(0))
        if taken := serve(line, now=moment):
            served.append((moment, taken))
        moment += pause
    for number, (_, later) in enumerate(served):
        for _, overtaken in served[number + 1 :]:
            assert later.since < overtaken.since + (overtaken.priority - 1) * AGEING + pause


def test_who_leaves_is_gone() -> None:
    """From the middle too, and only once; it has had no turn."""
    line = queue()
    tickets = [ticket(priority=2) for _ in range(3)]
    join(line, *tickets)
    assert line.leave(tickets[1])
    assert not line.leave(tickets[1])
    assert not line.leave(ticket())
    assert (len(line), line.waiting("a"), line.oldest()) == (2, 2, tickets[0])
    assert [serve(line), serve(line), serve(line)] == [tickets[0], tickets[2], None]
    assert (len(line), line.waiting("a"), line.oldest()) == (0, 0, None)


def test_a_share_goes_before_priority() -> None:
    """Who holds its share stands behind everybody else, and is served when nobody else can be."""
    line = queue()
    greedy = Tenant("g", weight=1.0)
    greedy.is_over = True
    urgent, modest = ticket(tenant=greedy, priority=1), ticket(priority=5)
    join(line, urgent, modest)
    assert serve(line) is modest
    assert serve(line) is urgent


def test_coming_under_the_share_is_heeded() -> None:
    """Where a tenant stands changes while it waits."""
    line = queue()
    greedy = Tenant("g", weight=1.0)
    greedy.is_over = True
    urgent = ticket(tenant=greedy, priority=1)
    join(line, urgent, ticket(priority=5))
    greedy.is_over = False
    line.lift(greedy)
    assert serve(line) is urgent


@pytest.mark.parametrize(("priority", "mine", "ahead"), [(1, 0, 2), (3, 0, 3), (3, 3, 9), (4, 0, 15), (5, 0, 15)])
def test_how_many_are_ahead(priority: int, mine: int, ahead: int) -> None:
    """Better levels whole; of one's own level as many of each tenant as one has there, and one more.

    Two wait with priority 1, a crowd of twelve of one tenant with priority 3, and one with priority 4.
    """
    line = queue()
    crowd, me, other = (Tenant(name, weight=1.0) for name in ("crowd", "me", "other"))
    join(line, *(ticket(tenant=Tenant(name, weight=1.0), priority=1) for name in "xy"))
    join(line, *(ticket(tenant=crowd, priority=3) for _ in range(12)))
    join(line, ticket(tenant=other, priority=4))
    join(line, *(ticket(tenant=me, priority=3) for _ in range(mine)))
    assert line.ahead(me, priority) == ahead


def test_how_many_of_a_type_are_ahead() -> None:
    """Others do not count."""
    line = queue()
    join(line, ticket("a", priority=1), ticket("b", priority=1), ticket("b", priority=3))
    assert line.ahead(Tenant("me", weight=1.0), 3, "b") == 2
    assert line.ahead(Tenant("me", weight=1.0), 3, "c") == 0


def test_those_of_a_type_without_room_are_not_ahead() -> None:
    """They are passed over; the others are ahead as ever, and never more of them than of all."""
    line = queue()
    me, other = Tenant("me", weight=1.0), Tenant("other", weight=1.0)
    join(line, *(ticket("shut", tenant=me) for _ in range(9)), ticket("shut", priority=1))
    join(line, *(ticket("a", tenant=me) for _ in range(2)), *(ticket("b", tenant=other) for _ in range(5)))
    assert line.ahead(me, 3) == 17
    assert line.ahead_with_room(me, 3, lambda _: True) == 17
    assert line.ahead_with_room(me, 3, lambda agent_type: agent_type != "shut") == 5
    assert line.ahead_with_room(me, 3, lambda _: False) == 0


def test_who_has_less_takes_a_place_of_who_has_more() -> None:
    """The newest of its worst priority, whatever the new one's: a crowd keeps nobody out. Equals do not give way."""
    line = queue()
    many, few, one = (Tenant(name, weight=1.0) for name in "mfo")
    sent = [ticket(tenant=many, priority=priority) for priority in (2, 3, 3, 1)]
    join(line, *sent, ticket(tenant=one, priority=5))
    assert line.least(few, 5) is sent[2]
    for each in sent[:3]:
        line.leave(each)
    assert line.least(few, 1) is None


def test_inside_a_tenant_the_better_priority_takes_the_place() -> None:
    """Of the newest of its worst, if that is worse than the new one."""
    line = queue()
    tenant, other = Tenant("t", weight=1.0), Tenant("o", weight=1.0)
    sent = [ticket(tenant=tenant, priority=priority) for priority in (4, 2, 4)]
    join(line, *sent, *(ticket(tenant=other, priority=5) for _ in range(3)))
    assert line.least(tenant, 3) is sent[2]
    assert line.least(tenant, 4) is None


def test_weights_count_for_room_in_the_queue_too() -> None:
    """Three tickets of a tenant that weighs three are no more than one of another."""
    line = queue()
    heavy, light = Tenant("h", weight=3.0), Tenant("l", weight=1.0)
    join(line, *(ticket(tenant=heavy) for _ in range(3)))
    assert line.least(light, 1) is None
    assert queue().least(light, 1) is None


def test_a_crowd_that_has_waited_overtakes_nobody_it_takes_turns_with() -> None:
    """What moves up in its place is whose turn it is: the fresh ticket of another tenant."""
    line = queue()
    crowd, other = Tenant("c", weight=1.0), Tenant("o", weight=1.0)
    join(line, ticket("b", priority=1), *(ticket(tenant=crowd) for _ in range(30)))
    for now in range(1, 10):
        served = line.first(lambda agent_type: agent_type == "a", now=float(now))
        assert served is not None
        line.serve(served)
    fresh = ticket(tenant=other, since=9.5)
    join(line, fresh)
    line.age(30.0)
    line.age(45.0)
    assert fresh.level == 0
