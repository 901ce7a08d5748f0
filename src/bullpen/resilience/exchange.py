"""What replicas tell one another of their breakers: one script on one Redis, or Valkey."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from redis.asyncio import Redis, RedisCluster

from bullpen.errors import DependencyDown
from bullpen.resilience.breaker import BreakerPolicy, Report
from bullpen.resilience.ports import Outcome
from bullpen.resilience.window import SLICES
from bullpen.stores.questions import Questions, answered
from bullpen.stores.script import Script

__all__ = ["PREFIX", "Exchange", "News", "Reports"]

PREFIX: Final = "bullpen:{breakers}:"
"""Begins every key. The tag in braces puts them all on one shard of a cluster, where a script must find its keys."""

_SCRIPT: Final = Script(Path(__file__).with_name("breaker.lua"))
_FIELDS: Final = 5  # of each circuit in the answer
_MILLISECONDS: Final = 1000

Reports: TypeAlias = Mapping[str, Report]
"""Every circuit that is not closed, by its model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What one replica has to say of one model.

    Attributes:
        name: The model.
        successes: Calls that went well since it last said so.
        failures: Calls that failed.
        back: The probe that has come back; empty for none.
        outcome: Its outcome.
        asks: The name of a probe that asks to go out; empty for none.
    """

    name: str
    successes: int = 0
    failures: int = 0
    back: str = ""
    outcome: Outcome = "neutral"
    asks: str = ""


class Exchange:
    """Tells and hears in one round trip, on Redis' own clock.

    Failure mode: raises. Who asks is gone after `patience` seconds, whatever the client does. On a cluster all circuits
    live on one shard.
    """

    def __init__(
        self,
        client: Redis | RedisCluster,
        policy: BreakerPolicy,
        *,
        patience: float,
        hear: Callable[[Reports], None],
        late: Callable[[DependencyDown], None],
    ) -> None:
        """Uses `client`, and leaves closing it to its owner.

        Args:
            client: Of one server, or of a cluster.
            policy: By which the script decides.
            patience: Longest wait for an answer, seconds.
            hear: Is handed the reports of every answer that is not older than the last one.
            late: Is told when an answer is waited for longer than that.
        """
        self._client = client
        self._policy = _policy(policy)
        self._patience = patience
        self._hear = hear
        self._late = late
        self._asked = self._heard = 0
        self._questions = Questions()

    async def tell(self, *news: News, latest: float = 0.0) -> bool:
        """Tells all this, and hears how every circuit stands; whether the probe that asked may go out.

        Args:
            news: One for each model, or for each probe.
            latest: How much longer than `patience` an answer is waited for, seconds.

        Raises:
            DependencyDown: Redis did not do it, or not in time.
        """
        self._asked += 1
        number = self._asked
        asking = self._questions.ask(self._ask(news))
        try:
            answer = await self._in_time(asking, latest=latest)
        finally:
            asking.cancel()
        if number > self._heard:
            self._heard = number
            self._hear(_reports(answer[1:]))
        return bool(answer[0])

    async def aclose(self) -> None:
        """Ends what is still asked; see `Questions.aclose`."""
        await self._questions.aclose()

    async def _ask(self, news: Sequence[News]) -> list[Any]:
        keys = [f"{PREFIX}circuits", f"{PREFIX}mark", *(f"{PREFIX}window:{each.name}" for each in news)]
        arguments: list[str | float] = [*self._policy]
        for each in news:
            arguments += (each.name, each.successes, each.failures, each.back, each.outcome, each.asks)
        return list(await _SCRIPT.run(self._client, keys, arguments))

    async def _in_time(self, asking: asyncio.Task[list[Any]], *, latest: float) -> list[Any]:
        if await answered(asking, within=self._patience):
            return asking.result()
        late = DependencyDown("Redis did not answer in time. Try again in a moment.")
        self._late(late)
        done, _ = await asyncio.wait((asking,), timeout=latest)
        if not done:
            raise late
        return asking.result()


def _policy(policy: BreakerPolicy) -> tuple[float, ...]:
    times = (policy.window, policy.window / SLICES, policy.open_seconds)
    window, slot, opening = (each * _MILLISECONDS for each in times)
    return policy.failures, policy.ratio, window, slot, opening, policy.successes, policy.lease * _MILLISECONDS


def _reports(answer: Sequence[Any]) -> Reports:
    rows = zip(*(iter(answer),) * _FIELDS, strict=True)
    return {
        name.decode(): Report(age / _MILLISECONDS, successes, probe.decode(), lease / _MILLISECONDS)
        for name, age, successes, probe, lease in rows
    }
