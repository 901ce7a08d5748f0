"""The public price list."""

import socket
import threading
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices.data import providers
from genai_prices.types import Usage

from bullpen.costs.listing import Listing

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
# Prices change by date, and some by the hour: a price by the hour wins over the one that began last.
MOMENTS = [
    NOW,
    datetime(2026, 8, 20, 2, tzinfo=UTC),
    datetime(2026, 9, 15, 12, tzinfo=UTC),
    datetime(2027, 1, 1, 8, tzinfo=UTC),
]
COMPARED = {"openai", "anthropic", "google", "deepseek", "mistral", "openrouter", "x-ai", "perplexity"}


@pytest.fixture(scope="module")
def listing() -> Listing:
    return Listing()


SIZES = [(0, 0), (1, 1), (1234, 567), (100_000, 100), (200_000, 100), (200_001, 100), (1_000_000, 8_000)]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("size", SIZES)
def test_the_list_is_read_as_its_authors_read_it(listing: Listing, size: tuple[int, int], moment: datetime) -> None:
    """For every model of the big providers, ours and the library's own calculation agree to the micro-dollar."""
    input_tokens, output_tokens = size
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    compared = 0
    for provider, model in ((each, model) for each in providers if each.id in COMPARED for model in each.models):
        tariff = listing.find(provider.id, model.id)
        rate = None if tariff is None else tariff.at(moment.timestamp())
        if rate is None:
            continue
        theirs = model.calc_price(usage, provider, genai_request_timestamp=moment).total_price * 1_000_000
        ours = rate.cost(input_tokens=input_tokens, output_tokens=output_tokens)
        assert abs(ours - theirs) <= Decimal("0.5"), f"{provider.id}:{model.id}"
        compared += 1
    assert compared > 100


@pytest.mark.parametrize(
    ("provider", "model_id"),
    [
        ("openai", "gpt-4o"),
        ("openai", "gpt-4o-2024-08-06"),
        ("anthropic", "claude-sonnet-4-5"),
        ("aws-claude", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("azure-foundry-claude", "claude-sonnet-4-5"),
        ("xai-responses", "grok-4"),
    ],
)
def test_models_are_found_under_agnos_names(listing: Listing, provider: str, model_id: str) -> None:
    """Providers as Agno writes them, models as their providers do."""
    tariff = listing.find(provider, model_id)
    assert tariff is not None
    assert tariff.at(NOW.timestamp()) is not None


@pytest.mark.parametrize(("provider", "model_id"), [("nobody", "gpt-4o"), ("openai", "no-such-model"), ("", "")])
def test_what_the_list_does_not_have_is_none(listing: Listing, provider: str, model_id: str) -> None:
    """No exception, and no price of a model with a similar name."""
    assert listing.find(provider, model_id) is None


def test_the_list_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making one and asking it opens no socket and starts no thread."""
    threads = threading.active_count()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the price list opened a socket")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert Listing().find("openai", "gpt-4o") is not None
    assert threading.active_count() == threads
