"""The ports' embedded adapters: what serves when no ledger is fitted."""

from bullpen.llm.ports import ModelName

__all__ = ["AllowAll"]


class AllowAll:
    """A `Budget` with no bottom: every call is allowed and nothing is held."""

    async def reserve(
        self, *, tenant: str, user_id: str, model: ModelName, input_tokens: int, output_tokens: int
    ) -> str:
        """Holds nothing; every reservation has the same empty id."""
        del tenant, user_id, model, input_tokens, output_tokens
        return ""

    async def settle(self, reservation: str, *, cost: int) -> None:
        """Forgets what was spent: the attempt is booked by the `UsageSink`."""
        del reservation, cost
