"""The embedded budget."""

from bullpen.llm.local import AllowAll
from bullpen.llm.ports import ModelName


async def test_the_embedded_budget_allows_everything() -> None:
    """However much a call may use, it is allowed, and settling it does nothing."""
    budget = AllowAll()
    reservation = await budget.reserve(
        tenant="acme", user_id="alice", model=ModelName("x", "y"), input_tokens=10**12, output_tokens=10**12
    )
    await budget.settle(reservation, cost=10**12)
