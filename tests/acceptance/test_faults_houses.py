"""The faults that befall a whole service, each for a moment under load; `make chaos` has the full ones."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.chaos.finding import Finding
from tests.chaos.scenarios import SCENARIOS, SHORT, Scenario
from tests.chaos.sickness import hospital

# By kind of house, so that each is opened once.
KINDS: Final = {
    kind: [each for each in SCENARIOS if each.house is kind]
    for kind in dict.fromkeys(each.house for each in SCENARIOS if each.house is not hospital)
}


@pytest.fixture(params=KINDS, ids=["-".join(each.name for each in tried) for tried in KINDS.values()])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:
    """A house, and what is tried in it."""
    with request.param(tmp_path_factory.mktemp("house"), SHORT) as house:
        yield house, KINDS[request.param]


def test_a_service_survives(house: tuple[Any, list[Scenario]]) -> None:
    """A good answer or one of our errors in time, and normal again soon; each scenario says what else."""

    async def tried(scenario: Scenario) -> Finding:
        return await scenario.run(house[0])

    findings = [asyncio.run(tried(each)) for each in house[1]]
    assert [each.line() for each in findings if not each.holds] == []
    assert all(each.results for each in findings)
