"""The books of one agent type's places."""

import asyncio

import pytest

from bullpen.errors import DependencyDown
from bullpen.pool.leases import Leases, Wish
from tests.stubs.limits import until


class Registry:
    """Says how many places it gives, and what it was told; `away` makes it fail."""

    def __init__(self, *gives: int) -> None:
        self.gives = list(gives)
        self.told: list[Wish] = []
        self.freed = 0
        self.away = False

    async def ask(self, wish: Wish) -> int:
        self.told.append(wish)
        await asyncio.sleep(0)
        if self.away:
            raise DependencyDown("It is away.")
        return self.gives.pop(0) if self.gives else 0

    def count(self) -> None:
        self.freed += 1

    def leases(self) -> Leases:
        return Leases("r", ask=self.ask, freed=self.count)


async def test_what_is_wanted_is_asked_for_and_used() -> None:
    """By names that are this replica's, and that go on being kept."""
    registry = Registry(1)
    leases = registry.leases()
    leases.want(1)
    await leases.tell()
    assert (leases.idle, leases.out, registry.freed) == (1, 0, 1)
    leases.take()
    leases.want(0)
    await leases.tell()
    assert (leases.idle, leases.out) == (0, 1)
    assert registry.told == [Wish(1, 0, (), ()), Wish(0, 1, (), ("r:0",))]


async def test_what_is_not_used_any_more_goes_back_and_is_asked_for_anew() -> None:
    """In one step, so that other replicas have their turn at it."""
    registry = Registry(1, 0)
    leases = registry.leases()
    leases.want(1)
    await leases.tell()
    leases.take()
    leases.give()
    leases.want(1)
    await leases.tell()
    assert registry.told[-1] == Wish(1, 1, ("r:0",), ())


async def test_what_is_given_and_not_wanted_goes_back() -> None:
    """Whoever wanted it gave up while it was asked for."""
    registry = Registry(2)
    leases = registry.leases()
    leases.want(2)
    telling = asyncio.create_task(leases.tell())
    await asyncio.sleep(0)
    leases.want(1)
    await telling
    assert leases.idle == 1
    leases.want(0)
    await leases.tell()
    assert leases.idle == 0
    assert set(registry.told[-1].back) == {"r:0", "r:1"}


async def test_failure_mode_what_was_not_heard_is_told_again() -> None:
    """And what may have been given to a question without an answer goes back, for nobody knows of it."""
    registry = Registry(1)
    leases = registry.leases()
    leases.want(1)
    registry.away = True
    with pytest.raises(DependencyDown):
        await leases.tell()
    registry.away = False
    await leases.tell()
    assert registry.told[-1] == Wish(1, 1, ("r:0",), ())
    assert leases.idle == 1


async def test_a_long_absence_costs_no_memory() -> None:
    """Of what is to be given back the newest thousand are kept in mind; the rest has expired by then."""
    registry = Registry()
    registry.away = True
    leases = registry.leases()
    for _ in range(1500):
        leases.take()
        leases.give()
        with pytest.raises(DependencyDown):
            await leases.tell()
    assert len(registry.told[-1].back) <= 1001
    assert registry.told[-1].back[-1] == "r:1499"


async def test_a_place_that_nobody_gave_is_told_of() -> None:
    """It was taken while nobody could be asked."""
    registry = Registry()
    leases = registry.leases()
    leases.take()
    await leases.tell()
    assert registry.told == [Wish(0, 1, (), ("r:0",))]


async def test_it_asks_by_itself_until_it_has_what_is_wanted() -> None:
    """Again and again in the background, and without being told to when a place has come."""
    registry = Registry(0, 0, 1, 1)
    leases = registry.leases()
    leases.start()
    leases.want(2)

    async def has_both() -> bool:
        return leases.idle == 2

    await until(has_both)
    await leases.aclose()
    assert len(registry.told) >= 4
