"""The contract holds: whatever is sent, the answer is one that `/openapi.json` describes, and never a defect.

The operations are explored by hand and not by the library's pytest plugin, which pytest 9.2 has outgrown.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import sampled_from
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.stubs.serving import Server

CONFORMANCE = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# Random names only ever meet 404; these agents also succeed, fail and answer objects. Their failures are the model's
# doing, so a 502 or 503 is right for them.
KNOWN = ["general", "judging", "misjudging", "openai_500", "openai_429", "restricted"]


def operations(server: Server) -> Iterator[Any]:
    """Every operation of the live server's contract."""
    key = {"X-API-Key": server.api_key}
    contract = schemathesis.openapi.from_url(f"{server.url}/openapi.json", headers=key)
    for operation in contract.get_all_operations():
        assert isinstance(operation, Ok), f"the contract itself is wrong: {operation}"
        yield operation.ok()


def explore(operation: Any, mode: GenerationMode, *, examples: int, key: str | None) -> None:
    """Sends so many requests of that mode and checks each answer."""
    headers = {"X-API-Key": key} if key else {}

    @settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode), agent_type=sampled_from([None, *KNOWN]))
    def explored(case: Any, agent_type: str | None) -> None:
        checks = [*CONFORMANCE, not_a_server_error]
        if agent_type and isinstance(case.body, dict) and "agent_type" in case.body:
            case.body["agent_type"] = agent_type
            checks = CONFORMANCE
        case.call_and_validate(headers=headers, checks=checks)

    explored()


def test_every_answer_is_in_the_contract(server: Server, subtests: pytest.Subtests) -> None:
    """Requests as the contract describes them: no defect, nothing undocumented, every body in shape."""
    for operation in operations(server):
        with subtests.test(operation.label):
            explore(operation, GenerationMode.POSITIVE, examples=25 if operation.body else 5, key=server.api_key)


def test_every_refusal_is_in_the_contract(server: Server, subtests: pytest.Subtests) -> None:
    """Bodies the contract does not allow: the same."""
    for operation in operations(server):
        if operation.body:
            with subtests.test(operation.label):
                explore(operation, GenerationMode.NEGATIVE, examples=40, key=server.api_key)


def test_strangers_get_documented_answers_too(server: Server, subtests: pytest.Subtests) -> None:
    """The same holds for callers without a credential."""
    for operation in operations(server):
        with subtests.test(operation.label):
            explore(operation, GenerationMode.POSITIVE, examples=2, key=None)
