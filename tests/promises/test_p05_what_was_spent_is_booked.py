"""P05: a cancelled stream is not billed (litellm PR #37558, #13245).

Tokens spent before a cancel, a retry or a failover are booked.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.stubs.behaviour import INPUT_TOKENS, OUTPUT_TOKENS
from tests.stubs.catalogue import write_catalogue
from tests.stubs.exposition import Exposition
from tests.stubs.faults import Fault
from tests.stubs.serving import Server
from tests.stubs.upstream import Upstream
from tests.stubs.waiting import until

AGENTS = (
    {"type": "hung_up_on", "model": "openai:stub-stall-midstream", "retries": 0},
    {"type": "retried", "model": "openai:stub-retried", "retries": 1, "timeout": 0.5},
    {
        "type": "failed_over",
        "model": "openai:stub-late",
        "retries": 0,
        "timeout": 0.5,
        "fallback_models": ["openai:stub"],
    },
)


@pytest.fixture(scope="module")
def booking(
    tmp_path_factory: pytest.TempPathFactory, stub_settings: Mapping[str, str], upstream_process: Upstream
) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("booking")
    settings = {**stub_settings, "CONFIG_DIR": str(write_catalogue(folder, agents=AGENTS))}
    with Server(folder, settings=settings) as server, server.client() as client:
        yield client


def tokens(client: httpx.Client, model: str) -> tuple[float, float]:
    """Input and output booked for the model."""
    scrape = Exposition(client.get("/metrics").text)
    used, spent = (scrape.value("bullpen_tokens_used_total", type=kind, model=model) for kind in ("input", "output"))
    return used, spent


def test_p05_a_stream_that_was_hung_up_on_is_booked(booking: httpx.Client, upstream: Upstream) -> None:
    """The prompt, and the words that had come."""
    upstream.reset()
    asked = {"agent_type": "hung_up_on", "task": "Hello"}
    with booking.stream("POST", "/agent/execute", json=asked, headers={"Accept": "text/event-stream"}) as answer:
        lines = answer.iter_lines()
        assert any(line.startswith("event: delta") for line in lines)
    upstream.wait(count=1, stage="disconnected")
    until(lambda: min(tokens(booking, "stub-stall-midstream")) > 0)


@pytest.mark.parametrize(
    ("agent_type", "model", "answered"), [("retried", "stub-retried", 1), ("failed_over", "stub-late", 0)]
)
def test_p05_a_lost_attempt_is_booked(
    booking: httpx.Client, upstream: Upstream, agent_type: str, model: str, answered: int
) -> None:
    """A provider that took too long had worked on the prompt: it is booked beside the answer that counted."""
    upstream.break_down(Fault(behaviour="stall", model=model))
    with ThreadPoolExecutor(1) as beside:
        pending = beside.submit(booking.post, "/agent/execute", json={"agent_type": agent_type, "task": "Hello"})
        upstream.wait(count=1, stage="disconnected")
        upstream.mend(model)
        answer = pending.result()
    assert answer.status_code == 200, answer.text
    used, spent = tokens(booking, model)
    assert used > answered * INPUT_TOKENS
    assert spent == answered * OUTPUT_TOKENS
    assert answer.json()["usage"]["input_tokens"] > INPUT_TOKENS
