"""Money: what a model call costs, and where every attempt is booked."""

__all__: list[str] = []
