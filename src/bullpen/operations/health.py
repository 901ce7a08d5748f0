"""Whether this replica can work, said per dependency, required or optional."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import structlog

from bullpen.clock import Clock, SystemClock
from bullpen.errors import BullpenError
from bullpen.telemetry import Metrics

__all__ = ["Dependency", "Finding", "Health", "Report", "Status"]

Status: TypeAlias = Literal["ok", "degraded", "down"]

_TIMEOUT: Final = 2.0
_FRESH_FOR: Final = 1.0

_log = structlog.get_logger("bullpen.operations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """Something this replica needs, or likes to have.

    Attributes:
        name: In reports and as a metric label; shown to anybody, so no address.
        check: Returns when the dependency answers, raises whatever it likes when it does not.
        required: Without it nothing works: not ready. Otherwise its absence only degrades.
    """

    name: str
    check: Callable[[], Awaitable[None]]
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How one dependency was found. `error` is a kind, such as `timeout`: never an address, never foreign text."""

    up: bool
    required: bool
    latency_ms: float
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """As shown to callers."""
        shown = {"status": "up" if self.up else "down", "required": self.required, "latency_ms": self.latency_ms}
        return shown if self.error is None else {**shown, "error": self.error}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The state of this replica.

    Attributes:
        ready: Send work here: everything required is up, and it is not being drained.
    """

    status: Status
    ready: bool
    draining: bool
    dependencies: Mapping[str, Finding]

    def as_dict(self) -> dict[str, Any]:
        """As shown to callers."""
        found = {name: finding.as_dict() for name, finding in self.dependencies.items()}
        return {"status": self.status, "ready": self.ready, "draining": self.draining, "dependencies": found}


class Health:
    """Checks all dependencies side by side, at most once a second however many ask.

    Failure mode: closed for a required dependency (not ready), open for an optional one (`degraded`, and ready).
    """

    def __init__(
        self,
        dependencies: Sequence[Dependency],
        *,
        metrics: Metrics,
        timeout: float = _TIMEOUT,
        fresh_for: float = _FRESH_FOR,
        clock: Clock | None = None,
    ) -> None:
        """`timeout` bounds each check, `fresh_for` is how long an answer serves; both in seconds."""
        self._dependencies = tuple(dependencies)
        self._metrics = metrics
        self._timeout = timeout
        self._fresh_for = fresh_for
        self._clock = clock or SystemClock()
        self._round: asyncio.Task[dict[str, Finding]] | None = None
        self._found: dict[str, Finding] = {}
        self._found_at = float("-inf")
        self._draining = False

    @property
    def draining(self) -> bool:
        """This replica finishes what it has and wants nothing new."""
        return self._draining

    def drain(self) -> None:
        """Makes this replica not ready for good; what runs goes on."""
        self._draining = True

    async def report(self) -> Report:
        """The state now, at most `fresh_for` seconds old."""
        found = await self._findings()
        down = [finding for finding in found.values() if not finding.up]
        failed = any(finding.required for finding in down)
        return Report(
            status="down" if failed else "degraded" if down else "ok",
            ready=not failed and not self._draining,
            draining=self._draining,
            dependencies=found,
        )

    async def aclose(self) -> None:
        """Ends a round of checks that is under way."""
        if self._round is not None:
            self._round.cancel()
            await asyncio.wait((self._round,))

    async def _findings(self) -> dict[str, Finding]:
        if self._clock.monotonic() - self._found_at < self._fresh_for:
            return self._found
        if self._round is None or self._round.done():
            self._round = asyncio.create_task(self._check_all())
        return await asyncio.shield(self._round)  # one prober hanging up must not end it for the others

    async def _check_all(self) -> dict[str, Finding]:
        findings = await asyncio.gather(*map(self._check, self._dependencies))
        found = {each.name: finding for each, finding in zip(self._dependencies, findings, strict=True)}
        for name, finding in found.items():
            self._tell(name, finding)
        self._found, self._found_at = found, self._clock.monotonic()
        return found

    async def _check(self, dependency: Dependency) -> Finding:
        began = self._clock.monotonic()
        error = await self._error(dependency)
        took = round((self._clock.monotonic() - began) * 1000, 3)
        return Finding(up=error is None, required=dependency.required, latency_ms=took, error=error)

    async def _error(self, dependency: Dependency) -> str | None:
        try:
            async with asyncio.timeout(self._timeout):
                await dependency.check()
        except TimeoutError:
            return "timeout"
        except BullpenError as error:
            return error.kind
        except Exception:  # noqa: BLE001 - a check may fail in any way, and each means that it is down
            return "error"
        return None

    def _tell(self, name: str, finding: Finding) -> None:
        self._metrics.dependency_up.labels(name).set(finding.up)
        before = self._found.get(name)
        if finding.up and before and not before.up:
            _log.info("dependency_back", dependency=name)
        if not finding.up and (before is None or before.up):
            _log.warning("dependency_down", dependency=name, required=finding.required, error=finding.error)
