"""A slow model stands back, and comes back."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from bullpen.operations.demotion import LONGEST_AWAY, Demotion
from bullpen.operations.remedy import Move

BASELINE = 15.0
latencies = st.none() | st.floats(0.01, 60)


def run(model: Demotion, latencies: Iterable[float | None]) -> tuple[list[Move], Demotion]:
    moves: list[Move] = []
    for latency in latencies:
        move, model = model.judge(latency, baseline=BASELINE)
        moves.append(move)
    return moves, model


def slow(rounds: int, *, start: float = 20.0) -> list[float]:
    """Slow, and a little different each time, for it is called."""
    return [start + number / 100 for number in range(rounds)]


def test_slow_is_above_the_baseline() -> None:
    """On it is fast enough, and what is not known is not slow."""
    assert run(Demotion(), [None, 1.0, 15.0])[0] == ["hold"] * 3
    assert run(Demotion(), [15.1])[0] == ["apply"]


def test_it_is_tried_again_after_a_while() -> None:
    """Though its latency stays what it was, for nobody calls it."""
    moves, model = run(Demotion(), [20.0] * 6)
    assert moves == ["apply", "hold", "hold", "hold", "hold", "undo"]
    assert model.away == 0


def test_it_is_not_judged_by_old_news() -> None:
    """Back in its place and not called yet, it stays there; a trial has calls in it."""
    _, back = run(Demotion(), [20.0] * 6)
    assert run(back, [20.0] * 50)[0] == ["hold"] * 50
    assert run(back, slow(3, start=19.0))[0] == ["hold"] * 3
    assert run(back, slow(4, start=19.0))[0][-1] == "apply"
    assert run(back, [19.0, 16.0, 14.0, 3.0])[0] == ["hold"] * 4


def test_each_time_it_stands_back_longer() -> None:
    """Twice as long, to a bound; so a model that stays slow is bothered with ever less often."""
    moves, _ = run(Demotion(), slow(400))
    applied = [number for number, move in enumerate(moves) if move == "apply"]
    undone = [number for number, move in enumerate(moves) if move == "undo"]
    assert [back - away for away, back in zip(applied, undone, strict=False)][:6] == [5, 10, 20, 40, 60, 60]


def test_a_long_good_time_is_remembered() -> None:
    """After it, the next time is as short as the first."""
    _, back = run(Demotion(), [20.0] * 6)
    assert back.term == 10
    _, good = run(back, [1 + number / 1000 for number in range(LONGEST_AWAY)])
    assert good.term == Demotion().term


@given(weather=st.lists(latencies, max_size=300))
def test_apply_and_undo_take_turns(weather: list[float | None]) -> None:
    """Whatever its latency does; and it never stands back for longer than the bound."""
    moves, model = run(Demotion(), weather)
    changes = [move for move in moves if move != "hold"]
    assert changes == ["apply", "undo"] * (len(changes) // 2) + ["apply"] * (len(changes) % 2)
    assert bool(model.away) == (len(changes) % 2 == 1)
    assert model.away <= LONGEST_AWAY
    assert "undo" in run(model, [None] * LONGEST_AWAY)[0] or not model.away
