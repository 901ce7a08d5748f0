"""How many wait, by tenant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.pool.crowd import Crowd
from bullpen.pool.tenants import Tenant
from bullpen.pool.ticket import Ticket
from tests.stubs.lanes import ticket

TENANTS = [Tenant(name, weight=weight) for name, weight in (("a", 1.0), ("b", 2.0), ("c", 0.5), ("d", 1.0))]


def crowd(sizes: list[int]) -> Crowd:
    made = Crowd()
    for tenant, size in zip(TENANTS, sizes, strict=True):
        for _ in range(size):
            made.join(ticket(tenant=tenant))
    return made


@given(st.lists(st.tuples(st.sampled_from(range(4)), st.booleans()), max_size=60))
def test_it_counts_what_a_plain_list_would(steps: list[tuple[int, bool]]) -> None:
    """For any coming and going: all of them, each tenant's, and who of it came last."""
    counted, plain = Crowd(), [list[Ticket](), list[Ticket](), list[Ticket](), list[Ticket]()]
    for number, comes in steps:
        if comes:
            plain[number].append(ticket(tenant=TENANTS[number]))
            counted.join(plain[number][-1])
        elif plain[number]:
            counted.leave(plain[number].pop(len(plain[number]) // 2))
        assert len(counted) == sum(map(len, plain))
        assert [counted.size(tenant) for tenant in TENANTS] == list(map(len, plain))
        assert all(counted.last(tenant) is own[-1] for tenant, own in zip(TENANTS, plain, strict=True) if own)


@given(st.lists(st.integers(0, 12), min_size=4, max_size=4), st.floats(0, 15))
def test_within_so_many_turns_each_has_its_weight(sizes: list[int], turns: float) -> None:
    """As the sum over tenants says; loads that are no whole number may make it more, by less than one turn of each."""
    exact = sum(min(size, turns * tenant.weight) for size, tenant in zip(sizes, TENANTS, strict=True))
    found = crowd(sizes).within(turns)
    assert exact - 1e-9 <= found <= exact + sum(tenant.weight for tenant in TENANTS)


@given(st.lists(st.integers(1, 12), min_size=4, max_size=4))
def test_the_heaviest_has_the_most_for_its_weight(sizes: list[int]) -> None:
    """But for a part of a ticket, in which loads are counted."""
    loads = {tenant: size / tenant.weight for size, tenant in zip(sizes, TENANTS, strict=True)}
    assert loads[crowd(sizes).heaviest()] > max(loads.values()) - 1


def test_of_nobody_none_are_within() -> None:
    """Whatever the turns."""
    assert Crowd().within(1000) == pytest.approx(0)
