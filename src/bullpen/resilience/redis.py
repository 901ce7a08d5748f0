"""The breakers of all replicas together: each keeps a copy, and Redis, or Valkey, decides."""

import asyncio
from itertools import count
from typing import Any, Final
from uuid import uuid4

import structlog
from redis.asyncio import Redis, RedisCluster

from bullpen.clock import Clock, SystemClock
from bullpen.errors import CircuitOpen, DependencyDown
from bullpen.resilience.breaker import BUSY, BreakerPolicy
from bullpen.resilience.circuits import MOST, Circuit, Circuits, circuit_open
from bullpen.resilience.exchange import Exchange, News, Reports
from bullpen.resilience.ports import Outcome, Passage
from bullpen.rounds import Rounds
from bullpen.telemetry import Metrics

__all__ = ["PATIENCE", "SharedBreakers"]

PATIENCE: Final = 0.05
"""Seconds anybody waits for Redis, at most."""

_LATEST: Final = 2.0  # seconds: nobody waits for a round, and a first TLS connection takes its time

_log = structlog.get_logger("bullpen.resilience")


class _Shared(Circuit):
    """One model's breaker, as a copy, with what Redis has not been told of it yet, and the probe that is ours."""

    __slots__ = ("asking", "failures", "probe", "successes")

    def __init__(self, name: str, policy: BreakerPolicy) -> None:
        super().__init__(name, policy)
        self.successes = 0
        self.failures = 0
        self.probe = ""
        self.asking = False

    def note(self, outcome: Outcome) -> None:
        """Keeps the end of a call for the next telling."""
        if outcome == "failure":
            self.failures += 1
        else:
            self.successes += 1

    def news(self, now: float) -> News:
        """What is to be told, which then counts as told. What has left the window meanwhile is not news."""
        window = self.breaker.window
        window.slide(now)
        successes, failures = min(self.successes, window.successes), min(self.failures, window.failures)
        self.successes = self.failures = 0
        return News(name=self.name, successes=successes, failures=failures)


class SharedBreakers:
    """Implements `Breakers` for many replicas.

    While the model works a call asks nobody. Its failure is told behind it at once, successes with the next round, and
    every answer says how all circuits stand. Only a probe asks first, so that one is out over all replicas. What was
    being told when Redis went away is told once or not at all.

    Failure mode: degraded. The call that finds Redis gone waits 50 ms at most, those after it not at all: each replica
    then decides alone, from where it stands and by what it has counted itself. The rounds go on asking, and the first
    answer ends it; what was counted meanwhile is told, as far as it is still in the window.
    """

    def __init__(
        self,
        client: Redis | RedisCluster,
        *,
        metrics: Metrics,
        policy: BreakerPolicy | None = None,
        clock: Clock | None = None,
        every: float = 0.5,
        patience: float = PATIENCE,
        most: int = MOST,
    ) -> None:
        """Begins with `start`; until Redis has answered for the first time this replica decides alone.

        Args:
            client: Is used, and left for its owner to close.
            metrics: Where states and changes show.
            policy: When breakers open and close; the same in every replica.
            clock: Whose monotonic time counts here.
            every: Pause between two rounds, seconds.
            patience: Longest wait of a call for Redis, seconds.
            most: Breakers kept at once.
        """
        policy = policy or BreakerPolicy()
        self._now = (clock or SystemClock()).monotonic
        self._exchange = Exchange(client, policy, patience=patience, hear=self._hear, late=self._degrade)
        self._circuits = Circuits(_Shared, policy=policy, metrics=metrics, most=most)
        self._rounds = Rounds(self.tell, every=every, name="breakers")
        self._probes = (f"{uuid4().hex}:{number}" for number in count())
        self._back: list[News] = []
        self._reports: Reports = {}
        self._reported = 0.0
        self._alone, self._said = True, False

    @property
    def degraded(self) -> bool:
        """Whether this replica decides alone now."""
        return self._alone

    def start(self) -> None:
        """Tells and listens, and goes on, in the background."""
        self._rounds.start()
        self._rounds.wake()

    async def aclose(self) -> None:
        """Stops, and tells the rest if Redis is there to hear it."""
        await self._rounds.aclose()
        if not self._alone:
            await self.tell(latest=0)
        await self._exchange.aclose()

    async def enter(self, name: str) -> Passage:
        """See `Breakers.enter`."""
        circuit = self._circuits.get(name) or self._meet(name)
        breaker = circuit.breaker
        if breaker.state == "closed":
            return _Passage(self, circuit, breaker.turn, "")
        return self._enter_alone(circuit) if self._alone else await self._enter_by_asking(circuit)

    def refusal(self, name: str) -> CircuitOpen | None:
        """See `Breakers.refusal`."""
        return self._circuits.refusal(name, self._now())

    def standings(self) -> list[dict[str, Any]]:
        """See `Breakers.standings`."""
        return self._circuits.standings(self._now(), shared=not self._alone)

    def ended(self, circuit: _Shared, ticket: int, probe: str, outcome: Outcome) -> None:
        """A call has ended; its passage says so."""
        now, breaker = self._now(), circuit.breaker
        counted = breaker.count(ticket, outcome, now)
        if counted:
            circuit.note(outcome)
        if probe:
            self._give_back(circuit, probe, outcome)
        if self._alone:
            breaker.decide(ticket, outcome, now)
            self._circuits.show(circuit)
        elif counted and outcome == "failure":
            self._rounds.wake()

    async def tell(self, *, latest: float = _LATEST) -> None:
        """One round: tells what is new here, and hears how all circuits stand.

        An answer that comes later than `patience`, but within `latest` seconds more, ends the degraded mode.
        """
        now = self._now()
        back = tuple(self._back)
        counted = [each.news(now) for each in self._circuits if each.successes or each.failures]
        try:
            await self._exchange.tell(*back, *counted, latest=latest)
        except DependencyDown as error:
            self._degrade(error)
        else:
            del self._back[: len(back)]
            self._recover()

    def _meet(self, name: str) -> _Shared:
        circuit = self._circuits[name]
        circuit.breaker.report(self._reports.get(name), self._reported)
        self._circuits.show(circuit)
        return circuit

    def _enter_alone(self, circuit: _Shared) -> Passage:
        now, breaker = self._now(), circuit.breaker
        ticket = breaker.enter(now)
        self._circuits.show(circuit)
        if ticket is None:
            raise circuit_open(circuit.name, wait=breaker.wait(now))
        return _Passage(self, circuit, ticket, "")

    async def _enter_by_asking(self, circuit: _Shared) -> Passage:
        wait = circuit.breaker.wait(self._now())
        self._circuits.show(circuit)
        if wait or circuit.asking:
            raise circuit_open(circuit.name, wait=wait or BUSY)
        circuit.asking = True
        try:
            return await self._probe(circuit, next(self._probes))
        finally:
            circuit.asking = False

    async def _probe(self, circuit: _Shared, probe: str) -> Passage:
        breaker = circuit.breaker
        try:
            lent = await self._exchange.tell(News(name=circuit.name, asks=probe))
        except asyncio.CancelledError:
            self._give_back(circuit, probe, "neutral")
            raise
        except DependencyDown as error:
            self._give_back(circuit, probe, "neutral")
            self._degrade(error)
            return self._enter_alone(circuit)
        if breaker.state == "closed":
            return _Passage(self, circuit, breaker.turn, "")
        if not lent:
            raise circuit_open(circuit.name, wait=breaker.wait(self._now()) or BUSY)
        circuit.probe = probe
        return _Passage(self, circuit, breaker.lend(self._now()), probe)

    def _give_back(self, circuit: _Shared, probe: str, outcome: Outcome) -> None:
        """The probe has come back, or never went out. That is said until it is heard."""
        if circuit.probe == probe:
            circuit.probe = ""
        self._back.append(News(name=circuit.name, back=probe, outcome=outcome))
        if not self._alone:
            self._rounds.wake()

    def _hear(self, reports: Reports) -> None:
        self._reports, self._reported = reports, self._now()
        for each in self._circuits:
            heard = reports.get(each.name)
            own = heard is not None and heard.probe != "" and heard.probe == each.probe
            each.breaker.report(heard, self._reported, own=own)
            self._circuits.show(each)

    def _degrade(self, error: DependencyDown) -> None:
        """Begins to decide alone, and says so once. A probe of another replica is not waited for: nobody would tell."""
        for each in () if self._alone else self._circuits:
            if each.breaker.state != "closed" and not each.probe:
                each.breaker.free()
        self._alone = True
        if not self._said:
            self._said = True
            _log.warning("breakers_degraded", reason=str(error), remedy="Look after Redis; asking until then.")

    def _recover(self) -> None:
        self._alone = False
        if self._said:
            self._said = False
            _log.info("breakers_shared_again")


class _Passage:
    __slots__ = ("_breakers", "_circuit", "_probe", "_ticket")

    def __init__(self, breakers: SharedBreakers, circuit: _Shared, ticket: int, probe: str) -> None:
        self._breakers: SharedBreakers | None = breakers
        self._circuit = circuit
        self._ticket = ticket
        self._probe = probe

    def leave(self, outcome: Outcome) -> None:
        breakers, self._breakers = self._breakers, None
        if breakers is not None:
            breakers.ended(self._circuit, self._ticket, self._probe, outcome)
