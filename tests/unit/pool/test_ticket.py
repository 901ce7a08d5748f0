"""One request that waits."""

import pytest

from tests.stubs.lanes import ticket


@pytest.mark.parametrize("priority", [1, 3, 5])
def test_a_ticket_begins_in_the_level_of_its_priority(priority: int) -> None:
    """And has been there since it came."""
    made = ticket(priority=priority, since=7.0)
    assert (made.level, made.entered, made.row) == (priority - 1, 7.0, None)
