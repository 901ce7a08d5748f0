"""`bullpen serve --workers N`: a supervisor that keeps N workers on one socket, and replaces them one by one."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import structlog

from bullpen.cli.child import Child
from bullpen.cli.exits import FAILED, WRONG

__all__ = ["Supervisor"]

# A worker that has lived so long was all right: the next one is started at once when it dies. Seconds.
_PROVEN: Final = 30.0
_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_STARTS: Final = 5
# Blocking code may hold a worker's loop for long; this is longer than any that is meant. Seconds.
_SILENCE: Final = 60.0
_LOOKS: Final = 4
_AS_TOLD: Final = (0, -signal.SIGTERM)  # drained, or ended before it could

_log = structlog.get_logger("bullpen.workers")


@dataclass(slots=True)
class _Seat:
    """One of the N: a worker at any time, now this process and then that."""

    child: Child
    deaths: int = 0
    change: asyncio.Lock = field(default_factory=asyncio.Lock)  # who holds it may put another child here


class Supervisor:
    """Starts workers, starts another when one dies, and replaces them one by one when it is asked to.

    The first is started alone: it migrates what is to be migrated, makes the first key, and is the one that says what
    is wrong with the configuration. Later a worker that cannot start is tried again, after pauses that grow to 30 s,
    for as long as another one works. When none works and five starts in a row have failed, it gives up.

    A worker that could work and then says nothing for a minute hangs: it is killed, and so replaced. What is stopped
    from outside is not told from what never gives way.
    """

    def __init__(
        self,
        spawn: Callable[[int], Awaitable[Child]],
        *,
        workers: int,
        ready_within: float,
        stop_within: float,
        buried: Callable[[int], None] = lambda _number: None,
        release: Callable[[], None] = lambda: None,
        pause: float = _PAUSE,
        silence: float = _SILENCE,
    ) -> None:
        """Starts nothing yet.

        Args:
            spawn: Starts a worker with that number.
            workers: How many.
            ready_within: How long a replacement may take until it can work, seconds.
            stop_within: How long a worker may take to end when it was told to, seconds; then it is killed.
            buried: Told the number of each worker that has ended, before another one gets it.
            release: Called when no more workers are started: what they need for that can be let go.
            pause: Before the second start in a row; each further one waits twice as long. Seconds.
            silence: How long a worker may say nothing, seconds.
        """
        self._spawn = spawn
        self._workers = workers
        self._ready_within = ready_within
        self._stop_within = stop_within
        self._buried = buried
        self._release = release
        self._pause = pause
        self._silence = silence
        self._seats: list[_Seat] = []
        self._numbers: set[int] = set()  # of those who live, and of those just being started
        self._living: dict[int, Child] = {}
        self._ends: set[asyncio.Task[None]] = set()
        self._replacing = asyncio.Event()
        self._done = asyncio.Event()
        self._stopping = False
        self._failures = 0
        self._code = 0

    @property
    def pids(self) -> list[int]:
        """The workers' processes."""
        return [child.pid for child in self._living.values()]

    async def run(self) -> int:
        """Until it is stopped or gives up; the exit code."""
        first = await self._successor()
        if first is None:
            return FAILED
        if not await self._works(first):
            await self._end()
            code = await first.ended()
            return 0 if self._stopping else code if code > 0 else FAILED
        await self._fill(first)
        rounds = [asyncio.create_task(self._keep(seat)) for seat in self._seats]
        rounds += [asyncio.create_task(each) for each in (self._replace_when_asked(), self._watch())]
        await self._done.wait()
        for each in rounds:
            each.cancel()
        await asyncio.wait(rounds)
        self._release()
        await self._end()
        return self._code

    def stop(self) -> None:
        """All are to drain and end; asked twice, they end at once."""
        self._stopping = True
        for child in self._living.values():
            child.stop()
        self._done.set()

    def replace(self) -> None:
        """All are to be replaced, one after another; asked meanwhile, once more afterwards."""
        self._replacing.set()

    async def _works(self, first: Child) -> bool:
        """Waits until the first one does; not longer than anybody wants it to."""
        ends = [asyncio.ensure_future(each) for each in (first.ready(), self._done.wait())]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for each in ends:
            each.cancel()
        return first.is_ready

    async def _fill(self, first: Child) -> None:
        """Starts the others; a system that does not have room for them all is told of, and serves nobody."""
        self._seats = [_Seat(first)]
        while len(self._seats) < self._workers and not self._stopping:
            child = await self._successor()
            if child is None:
                self._code = FAILED
                self.stop()
                return
            self._seats.append(_Seat(child))

    async def _start(self) -> Child:
        # Taken before anything is awaited: several workers may die at once, and two with one number would write to the
        # same files.
        number = next(each for each in count(1) if each not in self._numbers)
        self._numbers.add(number)
        try:
            child = await self._spawn(number)
        except BaseException:
            self._numbers.discard(number)
            raise
        self._living[number] = child
        if self._stopping:
            child.stop()
        task = asyncio.create_task(self._bury(child))
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)
        _log.info("worker_started", worker=number, pid=child.pid)
        return child

    async def _successor(self) -> Child | None:
        """A worker for a seat; None when the system starts no process now."""
        try:
            return await self._start()
        except OSError as error:
            remedy = "Look at the limits of processes, open files and memory."
            _log.error("worker_not_started", reason=error.strerror, remedy=remedy)
            return None

    async def _bury(self, child: Child) -> None:
        code = await child.ended()
        child.close()
        self._buried(child.number)
        del self._living[child.number]
        self._numbers.discard(child.number)
        tell = _log.info if child.excused and code in _AS_TOLD else _log.warning
        tell("worker_ended", worker=child.number, pid=child.pid, code=code)

    async def _keep(self, seat: _Seat) -> None:
        """Starts another worker whenever the one in this seat has died, and not when it was replaced."""
        while True:
            child = seat.child
            if await child.ready():
                self._failures = 0
            code = await child.ended()
            if seat.child is not child:
                continue
            seat.deaths = 0 if child.age > _PROVEN else seat.deaths + 1
            if not child.was_ready and self._hopeless(code):
                return
            await asyncio.sleep(min(_LONGEST_PAUSE, self._pause * 2 ** (seat.deaths - 1)) if seat.deaths else 0)
            async with seat.change:
                if seat.child is child:
                    seat.child = await self._successor() or child

    def _hopeless(self, code: int) -> bool:
        """Whether one more start that failed was the last."""
        self._failures += 1
        if any(child.is_ready for child in self._living.values()):
            return False
        if self._failures < _STARTS and code != WRONG:
            return False
        remedy = "What the last worker has said tells why. Mend that, and start again."
        _log.error("workers_given_up", failures=self._failures, remedy=remedy)
        self._code = code if code > 0 else FAILED
        self.stop()
        return True

    async def _replace_when_asked(self) -> None:
        while await self._replacing.wait():
            self._replacing.clear()
            for seat in self._seats:
                if not await self._replace(seat):
                    break
            else:
                _log.info("workers_replaced", workers=self._workers)

    async def _replace(self, seat: _Seat) -> bool:
        """Puts a new worker into the seat once it can work, and drains the old one; says whether it could."""
        async with seat.change:
            old, new = seat.child, await self._successor()
            if new is None or not await new.ready(within=self._ready_within):
                remedy = "The old ones stay. Look at what the new one has logged, mend that, and send SIGHUP again."
                _log.error("worker_not_replaced", worker=old.number, remedy=remedy)
                if new is not None:
                    new.kill()
                return False
            seat.child = new
        old.leave()
        await self._ended(old)
        return True

    async def _watch(self) -> None:
        """Kills whoever has said nothing for too long."""
        pause = self._silence / _LOOKS
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            await asyncio.sleep(pause)
            if clock() - began > 2 * pause:
                continue  # we stood still as well, as all do in a container that is paused: they get time to say so
            for child in [each for each in self._living.values() if each.silence > self._silence]:
                remedy = "It is killed, and another one started. A `loop_stalled` of that worker names the code."
                _log.error("worker_hangs", worker=child.number, pid=child.pid, after=self._silence, remedy=remedy)
                child.kill()

    async def _end(self) -> None:
        for child in list(self._living.values()):
            await self._ended(child)
        await asyncio.gather(*self._ends)

    async def _ended(self, child: Child) -> None:
        """Waits until it has, and kills it when that takes too long."""
        ending = asyncio.ensure_future(child.ended())
        await asyncio.wait((ending,), timeout=self._stop_within)
        if not ending.done():
            _log.warning("worker_killed", worker=child.number, pid=child.pid, after=self._stop_within)
            child.kill()
            await ending
