"""Places over all replicas: leases in Redis, or Valkey."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final
from uuid import uuid4

import structlog
from redis.asyncio import Redis, RedisCluster

from bullpen.errors import DependencyDown
from bullpen.pool.leases import LEASE, Leases, Wish
from bullpen.pool.places import part
from bullpen.stores.questions import Questions
from bullpen.stores.script import Script
from bullpen.telemetry import Metrics

__all__ = ["PATIENCE", "RedisPlaces"]

PATIENCE: Final = 0.05
"""Seconds that those who wait for a place wait for Redis, at most."""

_SCRIPT: Final = Script(Path(__file__).with_name("places.lua"))
_SILENCE: Final = 1.0  # seconds; a replica that wants a place asks far more often
_PROBE_PATIENCE: Final = 2.0  # seconds; nobody waits for a probe

_log = structlog.get_logger("bullpen.pool")


class RedisPlaces:
    """Implements `Places` by leases on Redis' own clock, in one script, told and asked for in the background.

    Failure mode: degraded. Whoever finds Redis gone waits 50 ms at most, those after it not at all: this replica then
    lends its part, the bound divided by the replicas. A log line and the metric `lane_places_degraded` say so. What is
    lent meanwhile is told when Redis is back. A process that stands still for longer than a lease loses its places
    while its runs go on; they are in the books again with its next heartbeat.
    """

    def __init__(
        self,
        client: Redis | RedisCluster,
        most: Mapping[str, int],
        *,
        metrics: Metrics,
        replicas: Callable[[], int] = lambda: 1,
        patience: float = PATIENCE,
    ) -> None:
        """Uses `client`, and leaves closing it to its owner.

        Args:
            client: Of a Redis that all replicas share.
            most: The types that are bounded, and by what.
            metrics: Where the degraded mode shows.
            replicas: How many there are, for while Redis is away.
            patience: Longest wait for Redis, seconds.
        """
        self._client = client
        self._most = most
        self._replicas = replicas
        self._patience = patience
        self._gauge = metrics.lane_places_degraded
        self._gauge.set(0)
        self._degraded = False
        self._freed: Callable[[], None] = lambda: None
        self._questions = Questions()
        self._name = uuid4().hex
        self._leases = {
            agent_type: Leases(self._name, ask=partial(self._ask, agent_type), freed=self._tell) for agent_type in most
        }

    @property
    def degraded(self) -> bool:
        """Whether this replica keeps its part alone now."""
        return self._degraded

    def start(self) -> None:
        """Begins to ask in the background."""
        for leases in self._leases.values():
            leases.start()

    async def aclose(self) -> None:
        """Stops; what is given back by then is told, if Redis is there to hear it. The rest expires."""
        for leases in self._leases.values():
            await leases.aclose()
            leases.want(0)
            with suppress(DependencyDown):
                await leases.tell()
        await self._questions.aclose()

    def most(self, agent_type: str) -> int | None:
        """See `Places.most`."""
        most = self._most.get(agent_type)
        return part(most, self._replicas()) if most is not None and self._degraded else most

    def free(self, agent_type: str) -> bool:
        """See `Places.free`."""
        leases = self._leases.get(agent_type)
        if leases is None or leases.idle:
            return True
        return self._degraded and leases.out < part(self._most[agent_type], self._replicas())

    def take(self, agent_type: str) -> None:
        """See `Places.take`."""
        if leases := self._leases.get(agent_type):
            leases.take()

    def give(self, agent_type: str) -> None:
        """See `Places.give`."""
        if leases := self._leases.get(agent_type):
            leases.give()

    def want(self, agent_type: str, number: int, /) -> None:
        """See `Places.want`."""
        if leases := self._leases.get(agent_type):
            leases.want(number)

    def watch(self, freed: Callable[[], None], /) -> None:
        """See `Places.watch`."""
        self._freed = freed

    def _tell(self) -> None:
        self._freed()

    async def _ask(self, agent_type: str, wish: Wish) -> int:
        patience = _PROBE_PATIENCE if self._degraded else self._patience
        try:
            granted = await self._questions.within(self._run(agent_type, wish), seconds=patience)
        except (DependencyDown, TimeoutError) as error:
            self._degrade(error)
            raise DependencyDown("Redis did not say which places are free. Try again in a moment.") from error
        self._recover()
        return granted

    async def _run(self, agent_type: str, wish: Wish) -> int:
        tag = f"bullpen:{{lanes:{agent_type}}}:"
        keys = (f"{tag}leases", f"{tag}since", f"{tag}asked")
        milliseconds = (round(LEASE * 1000), round(_SILENCE * 1000))
        wished: tuple[str | int, ...] = (self._name, wish.wanted, wish.number, len(wish.back), *wish.back, *wish.kept)
        return int(await _SCRIPT.run(self._client, keys, (self._most[agent_type], *milliseconds, *wished)))

    def _degrade(self, error: BaseException) -> None:
        if self._degraded:
            return
        self._degraded = True
        self._gauge.set(1)
        _log.warning(
            "lane_places_degraded",
            error=str(error) or type(error).__name__,
            remedy="Look after Redis; see queue-waits.",
        )
        self._freed()

    def _recover(self) -> None:
        if self._degraded:
            self._degraded = False
            self._gauge.set(0)
            _log.info("lane_places_shared_again")
