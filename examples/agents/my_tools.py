"""Tools of your own: plain functions. The model is told the name, the types and the docstring."""

__all__ = ["opening_hours"]

_HOURS = {"saturday": "10:00 to 14:00", "sunday": "closed"}


def opening_hours(day: str) -> str:
    """Tells when the shop is open.

    Args:
        day: A day of the week, such as `monday`.
    """
    return _HOURS.get(day.strip().lower(), "9:00 to 18:00")
