"""Places of one process: its part of what an agent type may have at once over all replicas."""

from collections.abc import Callable, Mapping

__all__ = ["LocalPlaces", "part"]


class LocalPlaces:
    """Implements `Places` in memory, for a process that knows how many others there are and does not hear of them.

    Failure mode: none.
    """

    def __init__(self, most: Mapping[str, int], *, replicas: Callable[[], int] = lambda: 1) -> None:
        """`most` has the types that are bounded, and by what; `replicas` may change, and what is lent then stays."""
        self._most = most
        self._replicas = replicas
        self._used = dict.fromkeys(most, 0)

    def most(self, agent_type: str) -> int | None:
        """See `Places.most`."""
        most = self._most.get(agent_type)
        return None if most is None else part(most, self._replicas())

    def free(self, agent_type: str) -> bool:
        """See `Places.free`."""
        most = self._most.get(agent_type)
        return most is None or self._used[agent_type] < part(most, self._replicas())

    def take(self, agent_type: str) -> None:
        """See `Places.take`."""
        if agent_type in self._used:
            self._used[agent_type] += 1

    def give(self, agent_type: str) -> None:
        """See `Places.give`."""
        if agent_type in self._used:
            self._used[agent_type] -= 1

    def want(self, agent_type: str, number: int, /) -> None:
        """Nothing to do: there is nobody to ask."""

    def watch(self, _freed: Callable[[], None], /) -> None:
        """Nothing to do: places only come free here, by `give`."""


def part(most: int, replicas: int) -> int:
    """One replica's part, at least 1: with more replicas than places, all of them together have too many."""
    return max(1, most // replicas)
