"""What contract tests share: a database with our tables, which the worker's own must not have, and both clients."""

from collections.abc import Iterator
from typing import get_args

import pytest

from bullpen.llm.clients import ClientKind
from tests.stubs.postgres import fresh_database
from tests.stubs.serving import bullpen


@pytest.fixture(scope="session")
def tables_url(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL database with every table, made once: whoever uses it empties what it fills."""
    with fresh_database(postgres_url) as url:
        # By the command, for whoever asks may be in the middle of a loop.
        done = bullpen("migrate", folder=tmp_path_factory.mktemp("migrate"), settings={"DATABASE_URL": url})
        assert done.returncode == 0, done.stdout
        yield url


@pytest.fixture(params=get_args(ClientKind))
def side(request: pytest.FixtureRequest) -> ClientKind:
    """Each client that speaks OpenAI's chat wire."""
    kind: ClientKind = request.param
    return kind


@pytest.fixture(params=[False, True], ids=["whole", "stream"])
def stream(request: pytest.FixtureRequest) -> bool:
    """Whether an answer comes in pieces."""
    return bool(request.param)
