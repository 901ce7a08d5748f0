"""The faults a model can have, for a second each, a few at once in one house; `make chaos` has the full ones."""

import asyncio
from collections.abc import Sequence
from typing import Final

import pytest

from tests.chaos.finding import Finding
from tests.chaos.scenarios import SCENARIOS, SHORT
from tests.chaos.sickness import hospital

HERE: Final = {each.name: each for each in SCENARIOS if each.house is hospital}
# Few enough at once for one processor. While the provider is gone, it is gone for everybody: last, and alone.
*REST, ALONE = HERE
GROUPS: Final = (*(REST[first : first + 8] for first in range(0, len(REST), 8)), [ALONE])


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finding]:
    """By the fault's name."""
    with hospital(tmp_path_factory.mktemp("hospital"), SHORT) as house:

        async def together(names: Sequence[str]) -> Sequence[Finding]:
            return await asyncio.gather(*(HERE[name].run(house) for name in names))

        found = [each for names in GROUPS for each in asyncio.run(together(names))]
    return {each.name: each for each in found}


@pytest.mark.parametrize("name", HERE)
def test_a_sick_model(findings: dict[str, Finding], name: str) -> None:
    """A good answer or one of our errors in time, all given back, the others unharmed, and normal again soon."""
    assert findings[name].holds, findings[name].line()
    assert findings[name].results
