"""P06: memory grows until the process is killed (litellm #27954, #12685, #25219, #38193, #21908)."""

from pathlib import Path
from typing import Final

from benchmarks.memory import grown

WARM_UP: Final = 2_000
REQUESTS: Final = 3_000
LIMIT: Final = 6.0  # MB


def test_p06_memory_stays_flat(tmp_path: Path) -> None:
    """Answers, streams and errors leave nothing behind: 3,000 requests add less than 2 kB each to a warm process.

    Caches and the allocator still grow a little then. `make bench ARGS="--parts memory"` asks 20,000 requests.
    """
    warm, *_, last = grown(folder=tmp_path, requests=REQUESTS, step=REQUESTS, warm_up=WARM_UP)
    assert last - warm < LIMIT
