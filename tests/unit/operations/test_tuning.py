"""What self-tuning does about a sight, and how it undoes it."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bullpen.operations.remedy import LONGEST_PATIENCE, PATIENCE
from bullpen.operations.tuning import Baselines, Ranges, Sight, State, Step, tune

RANGES = Ranges()
WELL = Sight(memory_percent=50, cpu_percent=50, lanes=20)
HOT = Sight(memory_percent=50, cpu_percent=91, lanes=20)
FULL = Sight(memory_percent=86, cpu_percent=50, lanes=20)


def run(sights: Iterable[Sight], state: State | None = None) -> tuple[list[list[Step]], State]:
    state, rounds = state or State(), []
    for sight in sights:
        steps, state = tune(sight, state, ranges=RANGES, baselines=Baselines())
        rounds.append(steps)
    return rounds, state


def verbs(rounds: list[list[Step]]) -> list[str]:
    return [step.verb for steps in rounds for step in steps]


def test_all_is_well() -> None:
    """Nothing is done when nothing is wrong, and on a threshold nothing is wrong."""
    on = Sight(memory_percent=85, cpu_percent=90, lanes=20, latencies={"openai:a": 15.0, "openai:b": None})
    assert verbs(run([WELL, on])[0]) == []


def test_full_memory_shrinks_caches_and_restores_them() -> None:
    """At most three times; all is given back at once when the last step is undone."""
    rounds, state = run([FULL] * 5 + [WELL] * 3 * PATIENCE)
    assert verbs(rounds) == ["shrink_caches"] * 3 + ["restore_caches"]
    assert state.memory.depth == 0
    assert rounds[0][0].reason == "memory at 86 % is above 85 %"


def test_without_caches_nothing_is_shrunk() -> None:
    """A step that does nothing is not taken, and not told of."""
    assert verbs(run([replace(FULL, shrinkable=False)] * 5)[0]) == []


def test_memory_between_the_thresholds_is_left_alone() -> None:
    """Neither shrunk nor restored."""
    between = Sight(memory_percent=80, cpu_percent=50, lanes=20)
    assert verbs(run([FULL, *[between] * 50])[0]) == ["shrink_caches"]


def test_busy_processors_lower_concurrency_step_by_step() -> None:
    """A fifth of what is left at a time, and never below the floor; the way back is the way there."""
    rounds, state = run([HOT] * 30)
    down = [step.bound for steps in rounds for step in steps]
    assert down == [16, 13, 11, 9, 8, 7, 6, 5, 4, 3, 2]
    assert state.bound == 2
    rounds, state = run([WELL] * 200, state)
    up = [step.bound for steps in rounds for step in steps]
    assert up == [*reversed(down[:-1]), None]
    assert state.bound is None


def test_processors_between_the_thresholds_change_nothing() -> None:
    """Below 90 % and not below 70 %, the bound stays."""
    warm = Sight(memory_percent=50, cpu_percent=75, lanes=20)
    assert verbs(run([HOT, *[warm] * 50])[0]) == ["lower_concurrency"]


def test_a_pool_at_the_floor_is_left_alone() -> None:
    """One lane is never taken from the last two."""
    assert verbs(run([Sight(memory_percent=50, cpu_percent=99, lanes=2)] * 5)[0]) == []
    assert verbs(run([Sight(memory_percent=50, cpu_percent=99, lanes=1)] * 5)[0]) == []


def test_a_slow_model_stands_back_alone() -> None:
    """The others stay where they are."""
    sight = Sight(memory_percent=50, cpu_percent=50, lanes=20, latencies={"openai:slow": 16.0, "openai:fast": 1.0})
    [[step], *later], _ = run([sight] * 6)
    assert (step.verb, step.model, step.reason) == ("prefer_fallback", "openai:slow", "it takes 16.0 s, more than 15 s")
    assert [(each.verb, each.model) for steps in later for each in steps] == [("restore_model", "openai:slow")]


def test_a_model_that_has_no_fallback_any_more_is_restored() -> None:
    """A changed catalogue leaves nobody standing back for good."""
    slow = Sight(memory_percent=50, cpu_percent=50, lanes=20, latencies={"openai:slow": 16.0})
    rounds, state = run([slow, WELL])
    assert verbs(rounds) == ["prefer_fallback", "restore_model"]
    assert state.models == {}


sights = st.builds(
    Sight,
    memory_percent=st.floats(0, 100),
    cpu_percent=st.floats(0, 100),
    lanes=st.integers(1, 64),
    latencies=st.fixed_dictionaries({"a:a": st.none() | st.floats(0.1, 60), "a:b": st.none() | st.floats(0.1, 60)}),
)


@given(weather=st.lists(sights, max_size=60))
def test_every_step_is_bounded(weather: list[Sight]) -> None:
    """One of each kind a round at most (of models: each); bounds only go down when laid, and never below the floor."""
    state = State()
    for sight in weather:
        before = state
        steps, state = tune(sight, state, ranges=RANGES, baselines=Baselines())
        asked = [(step.verb.split("_")[1], step.model) for step in steps]
        assert len(asked) == len(set(asked))
        assert abs(len(state.bounds) - len(before.bounds)) <= 1
        assert list(state.bounds) == sorted(set(state.bounds), reverse=True)
        assert all(bound >= RANGES.least_lanes for bound in state.bounds)
        assert state.cpu.depth == len(state.bounds)


@given(weather=st.lists(sights, max_size=60))
def test_all_is_undone_when_all_is_well(weather: list[Sight]) -> None:
    """After a bounded time nothing is left: no bound, no shrunk cache, no model behind its fallback."""
    rounds, state = run(weather)
    longest = LONGEST_PATIENCE * max(3, len(state.bounds))
    calm = Sight(memory_percent=10, cpu_percent=10, lanes=20, latencies={"a:a": 1.0, "a:b": 1.0})
    later, state = run([calm] * longest + [calm] * 60, state)
    done = verbs(rounds + later)
    assert state.bound is None
    assert state.memory.depth == 0
    assert not any(each.away for each in state.models.values())
    assert done.count("lower_concurrency") == done.count("raise_concurrency")
    assert done.count("prefer_fallback") == done.count("restore_model")


@given(high=st.integers(1, 2), low=st.integers(1, 2))
def test_a_load_that_swings_is_not_swung_with(high: int, low: int) -> None:
    """Faster than patience: lanes are lowered until it stops, and not raised in between."""
    rounds, _ = run(([HOT] * high + [WELL] * low) * 30)
    assert "raise_concurrency" not in verbs(rounds)


def test_a_remedy_that_swings_is_damped() -> None:
    """Where the bound itself makes the load go away, it is lifted ever less often."""
    state = State()
    turns: list[int] = []
    for number in range(400):
        sight = WELL if state.bounds else HOT
        steps, state = tune(sight, state, ranges=RANGES, baselines=Baselines())
        turns.extend(number for step in steps if step.verb == "lower_concurrency")
    gaps = [later - earlier for earlier, later in pairwise(turns)]
    assert gaps[:3] == [PATIENCE + 1, 2 * PATIENCE + 1, 4 * PATIENCE + 1]
    assert set(gaps[3:]) == {LONGEST_PATIENCE + 1}
