"""What is made smaller when memory is short."""

import pytest
from structlog.testing import capture_logs

from bullpen.operations.caches import Caches


class Shelf:
    """A cache that drops what it is told to, and keeps within the rest until it is restored."""

    def __init__(self, name: str, size: int, *, broken: bool = False) -> None:
        self.name = name
        self.limit = self.whole = size
        self._size = size
        self._broken = broken

    @property
    def size(self) -> int:
        if self._broken:
            raise OSError("hunter2")
        return self._size

    def shrink(self, part: float) -> int:
        if self._broken:
            raise OSError("hunter2")
        before = self._size
        self.limit = int(self.limit * (1 - part))
        self._size = min(self._size, self.limit)
        return before - self._size

    def restore(self) -> None:
        if self._broken:
            raise OSError("hunter2")
        self.limit = self.whole


def test_each_is_halved_and_restored() -> None:
    """The sizes before and after are told; what is restored may grow again, and is not filled."""
    caches, answers, vectors = Caches(), Shelf("answers", 100), Shelf("vectors", 8)
    caches.add(answers)
    caches.add(vectors)
    assert caches.shrink() == ({"answers": 100, "vectors": 8}, {"answers": 50, "vectors": 4})
    assert caches.shrink()[1] == {"answers": 25, "vectors": 2}
    assert caches.restore() == ({"answers": 25, "vectors": 2}, {"answers": 25, "vectors": 2})
    assert (answers.limit, vectors.limit) == (100, 8)


def test_one_of_the_same_name_takes_the_place() -> None:
    """So that what is made anew does not keep its forerunner alive."""
    caches = Caches()
    caches.add(Shelf("answers", 100))
    caches.add(Shelf("answers", 7))
    assert (len(caches), caches.sizes()) == (1, {"answers": 7})


@pytest.mark.parametrize("ask", ["shrink", "restore"])
def test_failure_mode_open_one_that_raises_stops_no_other(ask: str) -> None:
    """It is logged, its size is told as unknown, and those after it are asked."""
    caches, sound = Caches(), Shelf("sound", 10)
    caches.add(Shelf("broken", 10, broken=True))
    caches.add(sound)
    caches.shrink()
    with capture_logs() as logged:
        _, after = getattr(caches, ask)()
    assert after["broken"] is None
    assert sound.limit == (10 if ask == "restore" else 2)
    assert {(line["event"], line["cache"]) for line in logged} == {("cache_failed", "broken")}


def test_without_any_nothing_happens() -> None:
    """The caches come with a later room."""
    assert Caches().shrink() == ({}, {})
