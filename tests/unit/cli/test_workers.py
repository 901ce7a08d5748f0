"""The supervisor: whom it starts again, when it gives up, and what it does when a replacement fails."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from errno import EAGAIN
from typing import TYPE_CHECKING, cast

from bullpen.cli.workers import Supervisor

if TYPE_CHECKING:
    from bullpen.cli.child import Child

ENOUGH = 10.0


class Puppet:
    """A worker that does what the test says, in place of a process."""

    def __init__(self, number: int, *, fate: str) -> None:
        self.number = number
        self.pid = 1000 + number
        self.age = self.silence = 0.0
        self.excused = self.was_ready = False
        self.deaf = fate == "is deaf"
        self.told: list[str] = []
        self._ready = asyncio.Event()
        self._ended = asyncio.Event()
        self._code = 0
        if fate == "works":
            self.was_ready = True
            self._ready.set()
        elif fate not in {"hangs", "is deaf"}:
            self.end(int(fate))

    @property
    def is_ready(self) -> bool:
        return self.was_ready and not self._ended.is_set()

    def end(self, code: int) -> None:
        self._code = code
        self._ready.set()
        self._ended.set()

    async def ready(self, *, within: float | None = None) -> bool:
        if within is None:
            await self._ready.wait()
        return self.is_ready

    async def ended(self) -> int:
        await self._ended.wait()
        return self._code

    def leave(self) -> None:
        self.told.append("leave")
        self.excused = True
        self.end(0)

    def stop(self) -> None:
        self.told.append("stop")
        self.excused = True
        if not self.deaf:
            self.end(0)

    def kill(self) -> None:
        self.told.append("kill")
        self.silence = 0.0
        self.end(-9)

    def close(self) -> None:
        self.told.append("closed")


class Cast:
    """Everybody who was started; `fates` say what becomes of each, and those after the last work."""

    def __init__(self, *fates: str) -> None:
        self.all: list[Puppet] = []
        self.buried: list[int] = []
        self._fates = list(fates)

    async def spawn(self, number: int) -> "Child":
        fate = self._fates.pop(0) if self._fates else "works"
        await asyncio.sleep(0)  # as a process takes its time
        if fate == "no process":
            raise BlockingIOError(EAGAIN, "Resource temporarily unavailable")
        self.all.append(Puppet(number, fate=fate))
        return cast("Child", self.all[-1])


def supervisor(played: Cast, *, workers: int = 2, stop_within: float = ENOUGH, pause: float = 0.001) -> Supervisor:
    return Supervisor(
        played.spawn,
        workers=workers,
        ready_within=0,
        stop_within=stop_within,
        buried=played.buried.append,
        pause=pause,
        silence=0.02,
    )


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(ENOUGH):
        while not condition():  # noqa: ASYNC110 -- puppets tell nobody
            await asyncio.sleep(0.001)


@asynccontextmanager
async def running(chief: Supervisor) -> AsyncIterator[asyncio.Task[int]]:
    task = asyncio.create_task(chief.run())
    yield task
    chief.stop()
    async with asyncio.timeout(ENOUGH):
        assert await task == 0


async def test_a_dead_worker_has_a_successor_with_its_number() -> None:
    """A number is given again once its worker was buried, and only then."""
    played = Cast()
    async with running(supervisor(played)):
        await until(lambda: len(played.all) == 2)
        played.all[0].end(-9)
        await until(lambda: len(played.all) == 3)
    assert [each.number for each in played.all] == [1, 2, 1]
    assert played.buried[0] == 1
    assert [each.told for each in played.all] == [["closed"], ["stop", "closed"], ["stop", "closed"]]


async def test_the_first_one_that_cannot_start_is_the_last() -> None:
    """Nobody else is started, and its exit code is the supervisor's; a signal counts as a failure."""
    for fate, code in (("2", 2), ("1", 1), ("-9", 1)):
        played = Cast(fate)
        assert await supervisor(played).run() == code
        assert len(played.all) == 1


async def test_it_goes_on_trying_while_another_one_works() -> None:
    """Starts that fail do not end those who serve, however many."""
    played = Cast("works", *["1"] * 9)
    async with running(supervisor(played)):
        await until(lambda: len(played.all) == 11)


async def test_a_system_without_processes_is_asked_again() -> None:
    """That none can be started now is no reason not to try again, for a dead worker or when somebody asks."""
    played = Cast("works", "works", "no process", "no process")
    chief = supervisor(played)
    async with running(chief):
        await until(lambda: len(played.all) == 2)
        played.all[1].end(-9)
        await until(lambda: len(played.all) == 3)
    assert [each.number for each in played.all] == [1, 2, 2]


async def test_it_gives_up_when_nobody_works() -> None:
    """Five starts in a row that failed are enough when there is nobody left."""
    played = Cast("works", *["1"] * 50)
    chief = supervisor(played)
    task = asyncio.create_task(chief.run())
    await until(lambda: len(played.all) == 3)
    played.all[0].end(-9)
    async with asyncio.timeout(ENOUGH):
        assert await task == 1
    assert len(played.all) <= 2 + 9


async def test_workers_are_replaced_one_by_one() -> None:
    """The new one works before the old one is told to leave; numbers are those that are free."""
    played = Cast()
    chief = supervisor(played)
    async with running(chief):
        await until(lambda: len(played.all) == 2)
        chief.replace()
        await until(lambda: len(played.all) == 4 and "leave" in played.all[1].told)
    assert [each.number for each in played.all] == [1, 2, 3, 1]


async def test_a_replacement_that_does_not_work_replaces_nobody() -> None:
    """It is killed, the old ones stay, and no further one is tried until somebody asks again."""
    played = Cast("works", "works", "hangs")
    chief = supervisor(played)
    async with running(chief):
        await until(lambda: len(played.all) == 2)
        chief.replace()
        await until(lambda: len(played.all) == 3 and "kill" in played.all[2].told)
        assert [each.told for each in played.all[:2]] == [[], []]


async def test_a_stop_during_the_first_start_is_a_success() -> None:
    """Whoever changes their mind is not told of a failure."""
    played = Cast("hangs")
    chief = supervisor(played)
    async with running(chief):
        await until(lambda: len(played.all) == 1)


async def test_workers_that_die_at_once_have_successors_with_different_numbers() -> None:
    """Two with one number would write to the same files, and one of them would be told nothing any more."""
    played = Cast()
    async with running(supervisor(played, workers=3)):
        await until(lambda: len(played.all) == 3)
        for each in played.all[:3]:
            each.end(-9)
        await until(lambda: len(played.all) == 6)
    assert sorted(each.number for each in played.all[3:]) == [1, 2, 3]
    assert [each.told for each in played.all[3:]] == [["stop", "closed"]] * 3


async def test_one_that_hangs_is_killed_and_replaced() -> None:
    """It can work, and says nothing for too long; the others are left alone."""
    played = Cast()
    async with running(supervisor(played)):
        await until(lambda: len(played.all) == 2)
        played.all[1].silence = 1.0
        await until(lambda: len(played.all) == 3)
        assert [each.told for each in played.all] == [[], ["kill", "closed"], []]


async def test_a_first_one_that_hangs_and_does_not_listen_is_killed() -> None:
    """Whoever stops a start that does not get on does not wait for it for ever."""
    played = Cast("is deaf")
    async with running(supervisor(played, stop_within=0.001)):
        await until(lambda: len(played.all) == 1)
    assert played.all[0].told == ["stop", "kill", "closed"]


async def test_a_system_without_room_for_all_serves_nobody() -> None:
    """At the start somebody looks on: it is told of, and those who have begun are ended."""
    played = Cast("works", "no process")
    assert await supervisor(played).run() == 1
    assert played.all[0].told == ["stop", "closed"]
    assert await supervisor(Cast("no process")).run() == 1


async def test_a_replacement_takes_the_seat_of_a_dead_one_for_good() -> None:
    """Asked for while the pause after a death goes on: nobody else is started for the same seat afterwards."""
    played = Cast("works", "works")
    chief = supervisor(played, pause=0.05)
    async with running(chief):
        await until(lambda: len(played.all) == 2)
        played.all[1].end(-9)
        await until(lambda: played.buried == [2])
        chief.replace()
        await until(lambda: len(played.all) == 4)
        await asyncio.sleep(0.1)  # the pause is over
        assert len(chief.pids) == 2
