"""Looking at a store: shared, bounded, and at once when there is news. What it keeps is tested in `test_ring.py`."""

import asyncio

from structlog.testing import capture_logs

from bullpen.errors import DependencyDown
from bullpen.security.authentication.mirror import Mirror, Pace
from bullpen.security.authentication.news import News

SELDOM = Pace(poll_every=3600.0, pause=0.0, patience=5.0, stale_after=30.0)


class Counting(Mirror):
    """Counts its looks; each waits at the gate, if there is one."""

    def __init__(self, *, pace: Pace = SELDOM, news: News | None = None) -> None:
        super().__init__(name="counting", pace=pace, news=news)
        self.looks = 0
        self.gate: asyncio.Event | None = None
        self.begun = asyncio.Event()
        self.failure: Exception | None = None

    async def _load(self) -> None:
        self.looks += 1
        self.begun.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure


async def test_everybody_who_asks_meanwhile_shares_one_look() -> None:
    """A thousand strangers at once cost the store one question."""
    mirror = Counting()
    await asyncio.gather(*(mirror.look() for _ in range(1000)))
    assert mirror.looks == 1


async def test_a_look_that_has_begun_is_not_shared() -> None:
    """Its answer may be older than what the asker knows of: they get the next one."""
    mirror = Counting()
    mirror.gate = asyncio.Event()
    first = asyncio.create_task(mirror.look())
    await mirror.begun.wait()
    late = [asyncio.create_task(mirror.look()) for _ in range(10)]
    await asyncio.sleep(0)
    mirror.gate.set()
    await asyncio.gather(first, *late)
    assert mirror.looks == 2


async def test_strangers_cannot_make_it_look_more_often() -> None:
    """Between two looks there is a pause, however many ask."""
    mirror = Counting(pace=SELDOM._replace(pause=0.05))
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(5):
        await mirror.look()
    assert mirror.looks == 5
    assert loop.time() - began >= 4 * 0.05 * 0.9


async def test_news_is_a_look_at_once() -> None:
    """Long before the next poll."""
    news = News()
    async with Counting(news=news) as mirror:
        mirror.begun.clear()
        await news.tell()
        await asyncio.wait_for(mirror.begun.wait(), 10)
    assert mirror.looks == 2


async def test_a_mirror_that_is_closed_hears_no_news() -> None:
    """Nothing of it is left behind."""
    news = News()
    async with Counting(news=news) as mirror:
        pass
    await news.tell()
    assert mirror.looks == 1
    assert [task for task in asyncio.all_tasks() if task.get_name() == "counting"] == []


async def test_a_look_ends_for_the_asker_after_a_second() -> None:
    """A store that says nothing holds nobody longer, and is not asked by more than one and one waiting."""
    mirror = Counting()
    mirror.gate = asyncio.Event()
    await asyncio.gather(*(mirror.look() for _ in range(3)))
    await mirror.look()
    assert mirror.looks == 1
    mirror.gate.set()
    await mirror.look()


async def test_a_store_that_is_away_is_told_once() -> None:
    """By a line when it goes and one when it is back; the asker is not bothered."""
    mirror = Counting()
    mirror.failure = DependencyDown("away")
    with capture_logs() as logged:
        await mirror.look()
        await mirror.look()
        mirror.failure = None
        await mirror.look()
    assert [line["event"] for line in logged] == ["key_store_away", "key_store_back"]
