"""One level of the queue: turns by tenant and weight."""

from collections import Counter
from collections.abc import Sequence
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from bullpen.pool.level import Level
from bullpen.pool.tenants import Tenant
from bullpen.pool.ticket import Ticket
from tests.stubs.lanes import ticket

WEIGHTS = st.sampled_from([0.5, 1.0, 2.0, 3.0])
turns = count()


def join(level: Level, tenant: Tenant, agent_type: str = "a") -> Ticket:
    made = ticket(agent_type, tenant=tenant, priority=1)
    made.turn = next(turns)
    level.join(made)
    return made


def serve(level: Level, *agent_types: str) -> Ticket:
    entry = level.first(agent_types or ("a",))
    assert entry is not None
    served = next(iter(entry[3].tickets))
    level.serve(served)
    return served


def order(level: Level, number: int, *agent_types: str) -> str:
    return "".join(serve(level, *agent_types).tenant.name for _ in range(number))


def tenants(names: str) -> Sequence[Tenant]:
    return [Tenant(name, weight=1.0) for name in names]


def test_tenants_take_turns() -> None:
    """Who sent a hundred waits for its own, and not the others for those."""
    level = Level(0)
    many, few = tenants("mf")
    for _ in range(6):
        join(level, many)
    for _ in range(2):
        join(level, few)
    assert order(level, 8) == "mfmfmmmm"


def test_a_tenants_own_are_served_in_order() -> None:
    """First come, first served."""
    level = Level(0)
    (tenant,) = tenants("t")
    sent = [join(level, tenant) for _ in range(5)]
    assert [serve(level) for _ in range(5)] == sent


def test_equal_turns_go_by_arrival() -> None:
    """One ticket each is one line."""
    level = Level(0)
    for tenant in tenants("dacb"):
        join(level, tenant)
    assert order(level, 4) == "dacb"


def test_weights_divide_the_lanes() -> None:
    """Three to one."""
    level = Level(0)
    heavy, light = Tenant("h", weight=3.0), Tenant("l", weight=1.0)
    for _ in range(12):
        join(level, heavy)
        join(level, light)
    assert Counter(order(level, 12)) == {"h": 9, "l": 3}


def test_nobody_saves_up_turns_by_being_away() -> None:
    """Who comes late takes turns from then on."""
    level = Level(0)
    old, new = tenants("on")
    for _ in range(8):
        join(level, old)
    assert order(level, 4) == "oooo"
    for _ in range(4):
        join(level, new)
    assert Counter(order(level, 4)) == {"o": 2, "n": 2}


def test_nobody_gains_by_coming_back_at_once() -> None:
    """One ticket at a time, as soon as the last was served, gets no more turns than a line of them."""
    level = Level(0)
    eager, *others = tenants("ebcd")
    for other in others:
        for _ in range(10):
            join(level, other)
    served = Counter[str]()
    join(level, eager)
    for _ in range(16):
        name = serve(level).tenant.name
        served[name] += 1
        if name == "e":
            join(level, eager)
    assert served == {"e": 4, "b": 4, "c": 4, "d": 4}


def test_a_saturated_type_saves_up_no_turns() -> None:
    """A tenant whose type had no room for long has its turn when it has, and not all those it missed."""
    level = Level(0)
    blocked, other = tenants("bo")
    for _ in range(10):
        join(level, blocked, "x")
        join(level, other, "a")
    assert order(level, 4, "a") == "oooo"
    assert order(level, 6, "a", "x") == "bbobob"


def test_turns_are_counted_over_all_types() -> None:
    """A tenant that waits for two types has no two turns."""
    level = Level(0)
    both, one = tenants("bo")
    for _ in range(6):
        join(level, both, "a")
        join(level, both, "x")
        join(level, one, "a")
    assert Counter(order(level, 6, "a", "x")) == {"b": 3, "o": 3}


def test_who_holds_its_share_stands_behind_all_others() -> None:
    """And is back in its place when it does not any more."""
    level = Level(0)
    greedy, other = tenants("go")
    for tenant in (greedy, greedy, other, other):
        join(level, tenant)
    greedy.is_over = True
    assert order(level, 1) == "o"
    greedy.is_over = False
    level.lift(greedy)
    assert order(level, 1) == "g"


def test_what_has_gone_is_forgotten() -> None:
    """In a line that never moves as well: thousands who came and left leave nothing behind."""
    level = Level(0)
    for number in range(5000):
        level.leave(join(level, Tenant(str(number), weight=1.0), "x"))
    (line,) = level._lines.values()
    assert len(line._heap) < 100
    assert len(line._rows) < 100


@given(st.lists(st.tuples(WEIGHTS, st.integers(30, 60)), min_size=2, max_size=5), st.integers(1, 30))
def test_the_difference_between_tenants_is_bounded(given_tenants: list[tuple[float, int]], served: int) -> None:
    """While all wait, what any two were served for their weight differs by no more than one turn of each."""
    level = Level(0)
    named = [Tenant(str(number), weight=weight) for number, (weight, _) in enumerate(given_tenants)]
    for tenant, (_, tickets) in zip(named, given_tenants, strict=True):
        for _ in range(tickets):
            join(level, tenant)
    counts = Counter[Tenant]()
    for _ in range(served):
        counts[serve(level).tenant] += 1
        for one in named:
            for other in named:
                apart = counts[one] / one.weight - counts[other] / other.weight
                assert apart <= 1 / one.weight + 1 / other.weight + 1e-9


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ax"), st.sampled_from(["join", "leave", "serve"]))))
def test_no_ticket_is_lost_or_served_twice(steps: list[tuple[int, str, str]]) -> None:
    """For any coming, leaving and serving, of any tenant and type: what is served was there, and all of it is."""
    level, there = Level(0), list[Ticket]()
    named = tenants("abcd")
    for number, agent_type, step in steps:
        if step == "join":
            there.append(join(level, named[number], agent_type))
        elif step == "leave" and there:
            level.leave(there.pop(number % len(there)))
        elif step == "serve" and any(each.agent_type == agent_type for each in there):
            there.remove(serve(level, agent_type))
        assert len(level) == len(there)
    while there:
        there.remove(serve(level, "a", "x"))
    assert level.first(("a", "x")) is None


def test_one_rises_for_each_that_stood_long_enough() -> None:
    """The one whose turn it is; who stood so long and has not its turn counts anew."""
    level = Level(1)
    crowd, other = tenants("co")
    old = [join(level, crowd) for _ in range(4)]
    for each in old:
        each.entered = 0.0
    assert order(level, 1) == "c"
    young = join(level, other)
    young.entered = 9.0
    assert list(level.rise(ageing=10.0, now=10.0)) == [young, old[1], old[2]]
    assert list(level.rise(ageing=10.0, now=19.0)) == []
    assert list(level.rise(ageing=10.0, now=20.0)) == [old[3]]
