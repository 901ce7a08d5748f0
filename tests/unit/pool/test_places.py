"""Places of one process; tests/contract has what every adapter promises."""

import pytest

from bullpen.pool.places import LocalPlaces, part


@pytest.mark.parametrize(("most", "replicas", "mine"), [(6, 1, 6), (6, 2, 3), (7, 2, 3), (2, 5, 1)])
def test_a_replica_has_its_part_and_never_none(most: int, replicas: int, mine: int) -> None:
    """The bound divided by the replicas, rounded down, at least one."""
    assert part(most, replicas) == mine
    assert LocalPlaces({"a": most}, replicas=lambda: replicas).most("a") == mine


def test_more_replicas_take_no_place_from_who_has_one() -> None:
    """The part shrinks; what is out comes back by itself."""
    replicas = [1]
    places = LocalPlaces({"a": 2}, replicas=lambda: replicas[0])
    places.take("a")
    places.take("a")
    replicas[0] = 2
    places.give("a")
    assert not places.free("a")
    places.give("a")
    assert places.free("a")
