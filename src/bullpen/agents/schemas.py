"""Output schemas that come with the shipped agents."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, Field

__all__ = ["MarketAnalysis"]


class MarketAnalysis(BaseModel):
    """What is known of one company's position, and what follows from it."""

    company_name: str = Field(description="The company the analysis is about")
    market_cap: float | None = Field(default=None, description="Market capitalisation in US dollars; null if unknown")
    key_metrics: list[str] = Field(description="The figures that matter most, each with its unit and period")
    risk_factors: list[str] = Field(description="What could go wrong, the most likely first")
    recommendation: str = Field(description="What to do, in one or two sentences")
    confidence_score: Annotated[float, Field(ge=0, le=1, description="How sure the analyst is: 0 not at all, 1 fully")]
    analysis_date: datetime = Field(
        default_factory=lambda: datetime.now(UTC), description="When the analysis was made, with its time zone"
    )
