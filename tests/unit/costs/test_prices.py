"""What tokens cost."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bullpen.costs.prices import PriceList
from bullpen.errors import Misconfigured
from bullpen.llm.ports import ModelName, Prices
from bullpen.telemetry import Metrics
from tests.stubs.clock import StillClock
from tests.stubs.exposition import Exposition

GPT = ModelName("openai", "gpt-4o")
UNKNOWN = ModelName("openai", "unheard-of")


def unpriced(metrics: Metrics, **labels: str) -> float:
    return Exposition(metrics.render().decode()).value("bullpen_unpriced_calls_total", **labels)


def test_the_public_list_is_the_default() -> None:
    """A thousand tokens in and a hundred out, at the list's 2.50 and 10.00 dollars a million."""
    prices: Prices = PriceList(metrics=Metrics(), known=set())
    assert prices.cost(GPT, input_tokens=1000, output_tokens=100) == 3500


def test_the_operators_prices_win(tmp_path: Path) -> None:
    """Over the public list, and over being free."""
    file = tmp_path / "prices.yaml"
    file.write_text("openai:gpt-4o: {input: 1.00, output: 0}\nlocal:llama: {input: 2.00, output: 0}\n")
    prices = PriceList(metrics=Metrics(), known=set(), overrides=file, free_providers={"local"})
    assert prices.cost(GPT, input_tokens=1000, output_tokens=100) == 1000
    assert prices.cost(ModelName("local", "llama"), input_tokens=1000, output_tokens=0) == 2000
    assert prices.cost(ModelName("local", "other"), input_tokens=1000, output_tokens=0) == 0


def test_wrong_overrides_are_found_at_start(tmp_path: Path) -> None:
    """Not at the first call."""
    file = tmp_path / "prices.yaml"
    file.write_text("gpt-4o: 1\n")
    with pytest.raises(Misconfigured, match=r"prices\.yaml:1"):
        PriceList(metrics=Metrics(), known=set(), overrides=file)


def test_failure_mode_open_an_unpriced_model_costs_nothing() -> None:
    """It is counted once a call and logged once, and the call goes on."""
    metrics = Metrics()
    prices = PriceList(metrics=metrics, known={UNKNOWN})
    with capture_logs() as logged:
        costs = [prices.cost(UNKNOWN, input_tokens=1000, output_tokens=1000) for _ in range(3)]
    assert costs == [0, 0, 0]
    assert unpriced(metrics, provider="openai", model="unheard-of") == 3
    assert [(line["event"], line["model"]) for line in logged] == [("model_unpriced", "openai:unheard-of")]


def test_made_up_models_make_one_series() -> None:
    """A thousand invented names are a thousand calls of `other`."""
    metrics = Metrics()
    prices = PriceList(metrics=metrics, known=set())
    with capture_logs():
        for number in range(1000):
            prices.cost(ModelName("nobody", str(number)), input_tokens=1, output_tokens=1)
    assert unpriced(metrics, provider="other", model="other") == unpriced(metrics) == 1000


def test_what_is_free_is_not_unpriced() -> None:
    """The offline model and endpoints of one's own cost nothing on purpose, whatever their models are called."""
    metrics = Metrics()
    prices = PriceList(metrics=metrics, known=set(), free_providers={"offline", "my-openai"})
    assert prices.cost(ModelName("offline", "offline"), input_tokens=1000, output_tokens=1000) == 0
    assert prices.cost(ModelName("my-openai", "gpt-4o"), input_tokens=1000, output_tokens=1000) == 0
    assert unpriced(metrics) == 0


def test_a_price_by_the_hour_follows_the_clock() -> None:
    """The same model, remembered, costs less at night: DeepSeek's hours in the list."""
    clock = StillClock(datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp())
    prices = PriceList(metrics=Metrics(), known=set(), clock=clock)
    model = ModelName("deepseek", "deepseek-chat")
    by_day = prices.cost(model, input_tokens=1_000_000, output_tokens=0)
    clock.pass_time(6 * 3600)
    assert prices.cost(model, input_tokens=1_000_000, output_tokens=0) < by_day
