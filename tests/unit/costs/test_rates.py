"""What one model charges."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from bullpen.costs.rates import FREE, Rate, Tariff

PRICES = st.decimals(min_value=0, max_value=1000, places=4)
TOKENS = st.integers(min_value=0, max_value=10_000_000)


@given(input_price=PRICES, output_price=PRICES, input_tokens=TOKENS, output_tokens=TOKENS)
def test_a_cost_is_exact_and_rounded_once(
    input_price: Decimal, output_price: Decimal, input_tokens: int, output_tokens: int
) -> None:
    """Against exact fractions: the sum first, then one rounding, half up."""
    cost = Rate.flat(input_price=input_price, output_price=output_price).cost(
        input_tokens=input_tokens, output_tokens=output_tokens
    )
    exact = input_tokens * Fraction(input_price) + output_tokens * Fraction(output_price)
    assert cost == int(exact + Fraction(1, 2))


def test_half_a_micro_dollar_rounds_up() -> None:
    """Not to even: 2.5 is 3, as on an invoice."""
    rate = Rate.flat(input_price=Decimal("0.5"), output_price=Decimal(0))
    assert [rate.cost(input_tokens=tokens, output_tokens=0) for tokens in (1, 3, 5)] == [1, 2, 3]


def test_a_step_prices_the_whole_call() -> None:
    """Above the threshold every token costs the higher price, answer included; on it, none does."""
    rate = Rate(input=((200_000, Decimal(6)), (-1, Decimal(3))), output=((200_000, Decimal(22)), (-1, Decimal(15))))
    assert rate.cost(input_tokens=200_000, output_tokens=10) == 600_150
    assert rate.cost(input_tokens=200_001, output_tokens=10) == 1_200_226


def test_a_price_of_the_call_itself_is_added() -> None:
    """Some providers charge for asking."""
    rate = Rate(((-1, Decimal(1)),), ((-1, Decimal(1)),), call=Decimal(5000))
    assert rate.cost(input_tokens=1, output_tokens=1) == 5002


def test_nonsense_costs_nothing() -> None:
    """A provider's negative count is nobody's income."""
    rate = Rate.flat(input_price=Decimal(1), output_price=Decimal(1))
    assert rate.cost(input_tokens=-5, output_tokens=2) == 2


def test_a_timed_rate_is_in_force_in_its_time() -> None:
    """The first timed rate that holds wins; otherwise the standing one does."""
    day, night, standing = (Rate.flat(input_price=Decimal(n), output_price=Decimal(n)) for n in (1, 2, 3))
    tariff = Tariff(standing, ((lambda at: at.hour == 12, day), (lambda at: at.hour in {0, 12}, night)))
    found = [tariff.at(datetime(2026, 1, 1, hour, tzinfo=UTC).timestamp()) for hour in (12, 0, 6)]
    assert found == [day, night, standing]


def test_what_is_free_has_a_price() -> None:
    """Free is a price of 0, not the absence of one."""
    rate = FREE.at(0)
    assert rate is not None
    assert rate.cost(input_tokens=1000, output_tokens=1000) == 0
