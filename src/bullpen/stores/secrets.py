"""The operator's secrets as they are now: read again when their files change, without a restart."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

import structlog

from bullpen.clock import Clock, SystemClock
from bullpen.errors import Misconfigured
from bullpen.rounds import Rounds
from bullpen.stores.watch import FileWatch
from bullpen.telemetry import Metrics

__all__ = ["Held", "Password", "Secrets"]

Password: TypeAlias = str | Callable[[], str | None] | None
"""A password, or what tells the one that holds now."""

_PREVIOUS: Final = "_PREVIOUS"
_MOST_REPLACED: Final = 4  # of one secret: a file that changes all the time must not gather keys

_log = structlog.get_logger("bullpen.secrets")


@dataclass(frozen=True, slots=True)
class Held:
    """One secret, as it was at the start; `file` is where it came from, if it was one."""

    value: str = field(repr=False)
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class _Replaced:
    value: str = field(repr=False)
    until: float


class Secrets:
    """Holds every secret of the operator's, by its variable, such as `API_SECRET_KEY`.

    Only those that came from files can change. A file is looked at every few seconds, which also sees Kubernetes put
    another one in its place.

    Failure mode: what was read last stands. A file that is gone, empty or refused is told once a change, in the log
    and by the metric `config_broken`, whose label `file` is the variable.
    """

    def __init__(
        self,
        held: Mapping[str, Held],
        *,
        metrics: Metrics,
        check: Callable[[str, str], Sequence[str]] = lambda _name, _value: (),
        overlap: float = 86_400.0,
        every: float = 2.0,
        clock: Clock | None = None,
    ) -> None:
        """Opens nothing yet.

        Args:
            held: The secrets that are set.
            metrics: Where reloads are counted.
            check: What is wrong with a new value, given variable and value; nothing lets it in.
            overlap: How long a value that was replaced is still accepted, seconds.
            every: Pause between two looks, seconds.
            clock: Tells how old a secret is, and when the overlap ends.
        """
        self._values = {name: each.value for name, each in held.items()}
        self._files = {name: each.file for name, each in held.items() if each.file is not None}
        self._check = check
        self._overlap = overlap
        self._clock = clock or SystemClock()
        self._replaced: dict[str, list[_Replaced]] = {}
        self._listeners: list[tuple[frozenset[str], Callable[[], None]]] = []
        self._watches = [
            FileWatch(
                path, read=partial(self._read, name), changed=partial(self._take, name), metrics=metrics, label=name
            )
            for name, path in self._files.items()
        ]
        self._rounds = Rounds(self.look, every=every, name="secrets")

    def __repr__(self) -> str:
        """Names only."""
        return f"Secrets({', '.join(self._values)})"

    def current(self, name: str) -> str | None:
        """The value that holds now; None when it is not set."""
        return self._values.get(name)

    def reader(self, name: str) -> Callable[[], str | None]:
        """What tells the value that holds at the time it is asked; for whoever opens connections."""
        return partial(self.current, name)

    def accepted(self, name: str) -> tuple[str, ...]:
        """The value that holds, and those before it: the one of `NAME_PREVIOUS`, and what was replaced of late."""
        known = (self.current(name), self.current(name + _PREVIOUS))
        replaced = (each.value for each in self._replaced.get(name, ()))
        return tuple(dict.fromkeys(value for value in (*known, *replaced) if value))

    @property
    def files(self) -> Mapping[str, Path]:
        """Where those that came from files come from."""
        return self._files

    def age(self, name: str) -> float | None:
        """How long ago the secret's file was written, seconds; None when it has none, or it is gone."""
        try:
            return max(0.0, self._clock.now() - self._files[name].stat().st_mtime)
        except (KeyError, OSError):
            return None

    def subscribe(self, names: Collection[str], told: Callable[[], None]) -> None:
        """Calls `told` after any of these has changed, or is no longer accepted. It must not wait."""
        self._listeners.append((frozenset(names), told))

    def look(self) -> None:
        """Reads what has changed, and forgets what was replaced too long ago."""
        for watch in self._watches:
            watch.look()
        self._forget()

    def start(self) -> None:
        """Goes on looking in the background; what changed since the settings were read is taken first."""
        for name, path in self._files.items():
            with suppress(Misconfigured):  # the watch tells of it, when it changes or when it was gone
                self._take(name, self._read(name, path))
        self._rounds.start()

    async def aclose(self) -> None:
        """Stops looking."""
        await self._rounds.aclose()

    def _read(self, name: str, path: Path) -> str:
        try:
            text = path.read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError) as error:
            # The cause is left out: text that cannot be decoded is quoted by it.
            raise Misconfigured(f"The file of {name} cannot be read ({type(error).__name__}).") from None
        problems = self._check(name, text) if text else (f"The file of {name} is empty.",)
        if problems:
            raise Misconfigured(*problems)
        return text

    def _take(self, name: str, value: str) -> None:
        before = self._values[name]
        if value == before:
            return
        self._values[name] = value
        until = self._clock.monotonic() + self._overlap
        kept = [each for each in self._replaced.get(name, []) if each.value not in {before, value}]
        self._replaced[name] = [_Replaced(before, until), *kept][:_MOST_REPLACED]
        _log.info("secret_replaced", secret=name)
        self._tell({name})

    def _forget(self) -> None:
        now = self._clock.monotonic()
        over = {name for name, all_of_it in self._replaced.items() if any(each.until <= now for each in all_of_it)}
        for name in over:
            self._replaced[name] = [each for each in self._replaced[name] if each.until > now]
        if over:
            self._tell(over)

    def _tell(self, changed: Collection[str]) -> None:
        for names, told in self._listeners:
            if names.isdisjoint(changed):
                continue
            try:
                told()
            except Exception:  # noqa: BLE001 -- one listener's defect must not keep a new secret from the others
                _log.exception("secret_not_taken", secrets=sorted(names))
