"""Reading does not take more than it needs."""

from pathlib import Path

import pytest

from bullpen.security.audit import MOST, Wanted
from tests.stubs.trail import a_trail, fact, facts, numbers


async def test_a_page_has_a_bound_whatever_is_asked_for(tmp_path: Path) -> None:
    """The doors refuse more; whoever comes by another way gets the most there is."""
    async with a_trail(tmp_path) as (log, _):
        await log.deliver(facts(range(MOST + 5)))
        page = await log.entries(Wanted(tenant="acme"), limit=10**9)
    assert len(page.records) == MOST
    assert page.next is not None


@pytest.mark.parametrize("every", [1, 7])
async def test_personal_values_stay_with_their_rows(tmp_path: Path, every: int) -> None:
    """Whether the rows of a page stand side by side or far apart."""
    async with a_trail(tmp_path) as (log, _):
        await log.deliver([fact(n, actor="ann" if n % every == 0 else "bob", details={"n": n}) for n in range(50)])
        page = await log.entries(Wanted(tenant="acme", user_id="ann"), limit=5)
    assert all(each.as_dict()["user_id"] == "ann" for each in page.records)
    assert numbers(page.records) == [49 // every * every - every * n + 1 for n in range(5)]


async def test_an_export_comes_in_batches(tmp_path: Path) -> None:
    """Memory holds one batch at a time, and what is appended after the start is not in it."""
    async with a_trail(tmp_path) as (log, _):
        await log.deliver(facts(range(600)))
        lengths = []
        async for lines in log.export(Wanted(tenant="acme")):
            lengths.append(lines.count(b"\n"))
            await log.deliver([fact(1000 + len(lengths))])
    assert lengths == [250, 250, 100]
