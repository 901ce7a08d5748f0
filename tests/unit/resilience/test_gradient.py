"""How a limit moves."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.resilience.gradient import AdaptivePolicy, Gradient
from tests.stubs.clock import StillClock

POLICY = AdaptivePolicy(floor=4, start=100, ceiling=400)


class Model:
    """A model that is given a load, a round trip at a time."""

    def __init__(self, policy: AdaptivePolicy = POLICY) -> None:
        self.clock = StillClock()
        self.gradient = Gradient(policy, clock=self.clock)

    def answer(self, latency: Callable[[], float], *, calls: int | None = None, rounds: int = 1) -> None:
        """So many round trips, each of as many `calls` at once as the limit allows, unless said otherwise."""
        for _ in range(rounds):
            in_flight = self.gradient.limit if calls is None else min(calls, self.gradient.limit)
            latencies = [latency() for _ in range(in_flight)]
            self.clock.pass_time(max(latencies))
            for each in latencies:
                self.gradient.succeeded(each, in_flight=in_flight)


def always(seconds: float) -> Callable[[], float]:
    return lambda: seconds


@pytest.fixture
def model() -> Model:
    """One that has answered in a second so far, with the limit not in use."""
    model = Model()
    model.answer(always(1.0), calls=10, rounds=20)
    assert model.gradient.limit == 100
    return model


def test_a_limit_that_is_not_in_use_stays(model: Model) -> None:
    """That few calls go well says nothing of many."""
    model.answer(always(1.0), calls=49, rounds=50)
    assert model.gradient.limit == 100


def test_a_limit_half_used_is_in_use(model: Model) -> None:
    """No more is asked of a load that comes and goes."""
    model.answer(always(1.0), calls=50, rounds=2)
    assert model.gradient.limit == 110


@pytest.mark.parametrize(("busy", "limit"), [(0.4, 100), (0.5, 110)])
def test_a_round_trip_is_in_use_when_half_of_its_answers_met_a_load(model: Model, busy: float, limit: int) -> None:
    """The others came while few were under way."""
    model.clock.pass_time(1.0)
    for number in range(64):
        model.gradient.succeeded(1.0, in_flight=100 if number < 64 * busy else 10)
    assert model.gradient.limit == limit


def test_a_limit_in_use_grows_while_latency_holds(model: Model) -> None:
    """By its square root in a round trip, up to the ceiling."""
    model.answer(always(1.0))
    assert model.gradient.limit == 110
    model.answer(always(1.0), rounds=100)
    assert model.gradient.limit == 400


def test_one_slow_answer_changes_nothing(model: Model) -> None:
    """A round trip is judged by its median, for a long answer takes many times as long as a short one."""
    latencies = iter([60.0, *[1.0] * 99])
    model.answer(lambda: next(latencies))
    assert model.gradient.limit == 110


def test_some_quick_answers_do_not_hide_a_slow_model(model: Model) -> None:
    """One in three is not the median."""
    latencies = (1.0 if number % 3 == 0 else 10.0 for number in range(100))
    model.answer(lambda: next(latencies))
    assert model.gradient.limit == 60


def test_a_round_trip_is_judged_by_itself() -> None:
    """A slow one does not count in the next."""
    model = Model(AdaptivePolicy(floor=4, start=16, ceiling=400))
    model.answer(always(1.0), calls=4, rounds=20)
    model.answer(always(4.0))
    assert model.gradient.limit == 12
    model.answer(always(1.1))
    assert model.gradient.limit > 12


def test_latency_within_the_tolerance_is_no_growth(model: Model) -> None:
    """Twice what is usual may be chance."""
    model.answer(always(1.99))
    assert model.gradient.limit == 110


@pytest.mark.parametrize(("latency", "limit"), [(2.5, 90), (4.0, 60), (100.0, 60)])
def test_a_limit_in_use_shrinks_when_latency_grows(model: Model, latency: float, limit: int) -> None:
    """By as much as the model is too slow, by half at most, in a round trip; its square root comes on top."""
    model.answer(always(latency))
    assert model.gradient.limit == limit


def test_latency_that_is_none_of_our_doing_does_not_shrink(model: Model) -> None:
    """Fewer calls would not make it faster."""
    model.answer(always(10.0), calls=49, rounds=50)
    assert model.gradient.limit == 100


def test_a_model_that_slowed_down_unused_is_not_held_to_what_it_was(model: Model) -> None:
    """Its new latency is its own, and known before the load comes."""
    model.answer(always(10.0), calls=49, rounds=20)
    model.answer(always(10.0))
    assert model.gradient.limit == 110


def test_a_model_that_became_faster_is_held_to_it(model: Model) -> None:
    """What is usual follows downwards quickly, also under load."""
    model.answer(always(0.1), rounds=100)
    grown = model.gradient.limit
    model.answer(always(1.0), rounds=3)
    assert model.gradient.limit < grown


def test_a_round_trip_is_judged_once(model: Model) -> None:
    """All that was under way saw the same model: answers within one round trip are one sign, however many there are."""
    for _ in range(10):
        for _ in range(100):
            model.gradient.succeeded(4.0, in_flight=100)
    assert model.gradient.limit == 100
    model.clock.pass_time(1.0)
    model.gradient.succeeded(4.0, in_flight=100)
    assert model.gradient.limit == 60


@pytest.mark.parametrize(("usual", "trip"), [(0.01, 0.2), (4.0, 4.0)])
def test_a_round_trip_is_as_long_as_an_answer_usually_takes(usual: float, trip: float) -> None:
    """And never so short that a handful of quick answers would be judged."""
    model = Model()
    for _ in range(20):  # the last answer of each ends a round trip
        model.clock.pass_time(10)
        for _ in range(64):
            model.gradient.succeeded(usual, in_flight=10)
    model.clock.pass_time(trip * 0.9)
    for _ in range(100):
        model.gradient.succeeded(usual, in_flight=100)
    assert model.gradient.limit == 100
    model.clock.pass_time(trip * 0.1 + 1e-6)
    model.gradient.succeeded(usual, in_flight=100)
    assert model.gradient.limit == 110


@pytest.mark.parametrize("seed", range(3))
def test_answers_of_every_length_do_not_throttle(seed: int) -> None:
    """Latencies that differ twenty times over, but are always so, leave room to grow."""
    chance = random.Random(seed)
    model = Model()
    model.answer(lambda: chance.lognormvariate(1.0, 0.8), rounds=100)
    assert model.gradient.limit > 100


def test_a_model_that_has_become_slower_is_not_throttled_for_good(model: Model) -> None:
    """What is usual follows, if slowly."""
    model.answer(always(5.0), rounds=8)
    assert model.gradient.limit < 50
    model.answer(always(5.0), rounds=400)
    assert model.gradient.limit > 100


def test_a_model_that_queues_is_given_what_it_can_work_on() -> None:
    """One that answers 50 calls at once in a second, and more than that one after the other, is not given hundreds."""
    model = Model(AdaptivePolicy(floor=4, start=256, ceiling=1024))
    model.answer(always(1.0), calls=20, rounds=20)
    for _ in range(30):
        model.answer(always(max(1.0, model.gradient.limit / 50)))
    assert 50 <= model.gradient.limit <= 180


def test_a_model_that_refuses_is_given_nearly_what_it_takes() -> None:
    """One that takes 50 calls at once, wanted by 200: nine tenths of what it can do, and one call in twenty refused."""
    model = Model(AdaptivePolicy(floor=4, start=256, ceiling=1024))
    answered = refused = 0
    for number in range(120):
        load = min(200, model.gradient.limit)
        over = max(0, load - 50)
        for each in range(over):
            model.gradient.overloaded(in_flight=load - each)
        model.answer(always(1.0), calls=load - over)
        if number >= 20:
            answered, refused = answered + load - over, refused + over
    assert answered / 100 >= 45
    assert refused / (answered + refused) <= 0.05


def test_overload_decreases_once_in_a_round_trip(model: Model) -> None:
    """A hundred refusals at a time have one reason."""
    for _ in range(100):
        model.gradient.overloaded(in_flight=100)
    assert model.gradient.limit == 70
    model.clock.pass_time(1.0)
    model.gradient.overloaded(in_flight=70)
    assert model.gradient.limit == 49


@pytest.mark.parametrize(("usual", "pause"), [(0.1, 1.0), (4.0, 4.0)])
def test_a_second_refusal_counts_after_a_round_trip_and_a_second(usual: float, pause: float) -> None:
    """Whichever is longer: before that it has the same reason."""
    model = Model()
    model.answer(always(usual), calls=49, rounds=20)
    model.gradient.overloaded(in_flight=100)
    model.clock.pass_time(pause * 0.9)
    model.gradient.overloaded(in_flight=70)
    assert model.gradient.limit == 70
    model.clock.pass_time(pause * 0.1 + 1e-6)
    model.gradient.overloaded(in_flight=70)
    assert model.gradient.limit == 49


def test_overload_is_measured_by_what_is_in_flight(model: Model) -> None:
    """A limit that is far above the load would have to be decreased many times before it limits anything."""
    model.gradient.overloaded(in_flight=10)
    assert model.gradient.limit == 14


def test_after_overload_the_limit_comes_back_by_doubling(model: Model) -> None:
    """Up to seven tenths of what it was; from there on it grows by its square root."""
    model.gradient.overloaded(in_flight=1)
    limits = []
    for _ in range(6):
        model.answer(always(1.0))
        limits.append(model.gradient.limit)
    assert limits == [8, 16, 32, 64, 70, 78]


def test_latency_is_smoothed() -> None:
    """It begins with the first answer, and one answer moves it by a tenth."""
    model = Model()
    assert model.gradient.latency is None
    model.gradient.succeeded(2.0, in_flight=1)
    model.gradient.succeeded(12.0, in_flight=1)
    assert model.gradient.latency == pytest.approx(3.0)


@given(
    steps=st.lists(
        st.tuples(st.booleans(), st.floats(0, 1e6), st.integers(1, 2000), st.floats(0, 100)), min_size=1, max_size=200
    )
)
def test_the_limit_never_leaves_its_bounds(steps: list[tuple[bool, float, int, float]]) -> None:
    """Whatever happens, floor <= limit <= ceiling."""
    model = Model()
    for answered, latency, in_flight, passed in steps:
        model.clock.pass_time(passed)
        if answered:
            model.gradient.succeeded(latency, in_flight=in_flight)
        else:
            model.gradient.overloaded(in_flight=in_flight)
        assert 4 <= model.gradient.limit <= 400
