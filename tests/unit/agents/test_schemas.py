"""The shipped output schema."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from bullpen.agents.schemas import MarketAnalysis

FIELDS: dict[str, Any] = {
    "company_name": "Acme",
    "key_metrics": ["revenue 3 M$ (2024)"],
    "risk_factors": [],
    "recommendation": "Wait.",
    "confidence_score": 1,
}


def test_the_capitalisation_may_be_unknown_and_the_date_is_now() -> None:
    """All else is required."""
    before = datetime.now(UTC)
    made = MarketAnalysis.model_validate(FIELDS)
    assert made.market_cap is None
    assert before <= made.analysis_date <= datetime.now(UTC)


@pytest.mark.parametrize("score", [-0.01, 1.01])
def test_confidence_is_between_nothing_and_certainty(score: float) -> None:
    """A score outside [0, 1] means nothing."""
    with pytest.raises(ValidationError):
        MarketAnalysis.model_validate(FIELDS | {"confidence_score": score})
