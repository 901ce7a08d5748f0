"""Secrets show up nowhere, and are replaced without a restart."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel, SecretStr

from bullpen.settings import Settings
from tests.stubs.catalogue import write_catalogue
from tests.stubs.echo import echoing
from tests.stubs.serving import Server, bullpen
from tests.stubs.tokens import token
from tests.stubs.upstream import Upstream

MODELS = ("openai:gpt-4o", "openai-responses:gpt-4o", "anthropic:claude-opus-5-5", "canary:any")
DEAD = "127.0.0.1:1"


def secret_variables(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The variable of every secret there is; the name of an entry that is the operator's to choose is `CANARY`."""
    for name, field in model.model_fields.items():
        kind: Any = field.annotation
        inner = get_args(kind)[1] if get_origin(kind) is dict else kind
        if kind == SecretStr | None:
            yield f"{prefix}{name}".upper()
        elif isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from secret_variables(inner, f"{prefix}{name}__" + ("CANARY__" if inner is not kind else ""))


@pytest.fixture(scope="module")
def canaries() -> Mapping[str, str]:
    """A value for every secret, and for the passwords in addresses, that stands nowhere else in the world."""
    return {name: f"cAn{secrets.token_hex(24)}" for name in (*secret_variables(Settings), "IN_DATABASE", "IN_REDIS")}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, canaries: Mapping[str, str]) -> Iterator[Server]:
    """A server with a canary in every secret, that says as much as it can, over providers that repeat their keys."""
    folder = tmp_path_factory.mktemp("canaries")
    agents = [{"type": f"agent{number}", "model": model, "retries": 0} for number, model in enumerate(MODELS)]
    with echoing() as provider:
        settings = {
            **{name: value for name, value in canaries.items() if not name.startswith("IN_")},
            "CONFIG_DIR": str(write_catalogue(folder, agents=agents)),
            "LOG_LEVEL": "DEBUG",
            "OPENAI_BASE_URL": f"{provider}/v1",
            "ANTHROPIC_BASE_URL": provider,
            "ENDPOINTS__CANARY__BASE_URL": f"{provider}/v1",
            "REDIS_URL": f"redis://user:{canaries['IN_REDIS']}@{DEAD}",
        }
        with Server(folder, settings=settings) as server:
            yield server


def shown(text: str | bytes, canaries: Mapping[str, str]) -> list[str]:
    """The variables whose values are in the text."""
    raw = text.encode() if isinstance(text, str) else text
    return [name for name, value in canaries.items() if value.encode() in raw]


def test_there_are_secrets_to_look_for(canaries: Mapping[str, str]) -> None:
    """The search itself works: it finds top-level secrets and those of groups, and would see one."""
    assert {"API_SECRET_KEY", "OPENAI_API_KEY", "DATABASE_PASSWORD", "ENDPOINTS__CANARY__API_KEY"} <= canaries.keys()
    assert shown(f"x{canaries['OPENAI_API_KEY']}y", canaries) == ["OPENAI_API_KEY"]


def test_no_answer_shows_a_secret(watched: Server, canaries: Mapping[str, str]) -> None:
    """Good and bad requests, every page that tells about the server, and providers that repeat the key they got."""
    pages = (
        "/metrics",
        "/health",
        "/ready",
        "/openapi.json",
        "/security/status",
        "/pool/stats",
        "/agents",
        "/audit/log",
    )
    with watched.client() as client, watched.client(key=f"bp_{'a' * 12}_{'0' * 64}") as wrong:
        answers = [client.get(path) for path in (*pages, "/nowhere")]
        assert [answer.status_code for answer in answers] == [200] * len(pages) + [404]
        runs = [{"agent_type": f"agent{number}", "task": "Hello"} for number in range(len(MODELS))]
        failed = [client.post("/agent/execute", json=run) for run in runs]
        assert {answer.status_code for answer in failed} == {502}, [answer.text for answer in failed]
        streamed = [client.post("/agent/execute", json=run, headers={"Accept": "text/event-stream"}) for run in runs]
        broken = [client.post("/agent/execute", content="{", headers={"Content-Type": "application/json"})]
        refused = [wrong.get("/agents"), wrong.get("/security/status")]
    told = [f"{answer.headers} {answer.text}" for answer in (*answers, *failed, *streamed, *broken, *refused)]
    assert shown("\n".join(told), canaries) == []


@pytest.mark.parametrize("command", [("keys", "create", "kiosk"), ("run", "agent0", "Hello")])
def test_no_command_shows_a_secret(watched: Server, canaries: Mapping[str, str], command: tuple[str, ...]) -> None:
    """Also one that fails."""
    assert shown(watched.bullpen(*command).stdout, canaries) == []


@pytest.mark.parametrize(
    ("where", "command"),
    [("password", ("serve", "--port", "0")), ("url", ("serve", "--port", "0")), ("url", ("migrate",))],
)
def test_no_refusal_of_a_database_shows_its_password(
    tmp_path: Path, canaries: Mapping[str, str], where: str, command: tuple[str, ...]
) -> None:
    """Whether the password came by itself or in the address."""
    own = f":{canaries['IN_DATABASE']}" if where == "url" else ""
    settings = {
        "DATABASE_URL": f"postgresql://ann{own}@{DEAD}/none",
        "DATABASE_PASSWORD": canaries["DATABASE_PASSWORD"],
        "DATABASE_MIGRATION_WAIT": "0.1",
        "LOG_LEVEL": "DEBUG",
        "MODEL_NAME": "offline",
    }
    done = bullpen(*command, folder=tmp_path, settings=settings)
    assert done.returncode != 0
    assert shown(done.stdout, canaries) == []


def test_a_bad_setting_beside_a_secret_shows_none(tmp_path: Path, canaries: Mapping[str, str]) -> None:
    """What is told of settings that are wrong names variables, and repeats no secret, not even a wrong one."""
    values = {name: value for name, value in canaries.items() if not name.startswith("IN_")}
    done = bullpen("serve", folder=tmp_path, settings={**values, "AGENT_TIMEOUT": "-1"})
    assert "AGENT_TIMEOUT" in done.stdout
    assert "ENDPOINTS__CANARY__BASE_URL" in done.stdout
    assert shown(done.stdout, canaries) == []


def test_the_log_and_the_data_folder_hold_no_secret(watched: Server, canaries: Mapping[str, str]) -> None:
    """After all that, to the last line, the server's end included. Only what is made to hold the first key has it."""
    first = watched.api_key
    with watched.client() as client:
        client.get("/agents")
    watched.stop()
    assert '"level":"debug"' in watched.output()
    files = [file for file in watched.folder.rglob("*") if file.is_file() and file.name != "api-key"]
    assert watched.folder / ".bullpen" / "bullpen.db" in files
    searched = {**canaries, "the first key": first, "its secret": first.rpartition("_")[2]}
    assert {file.name: found for file in files if (found := shown(file.read_bytes(), searched))} == {}


def put(file: Path, text: str) -> None:
    """As Kubernetes does it: another file takes the place of the old one in a single step."""
    draft = file.with_suffix(".next")
    draft.write_text(f"{text}\n")
    draft.replace(file)


def soon(true: Callable[[], bool], *, within: float = 20.0) -> bool:
    """Whether it becomes true in time."""
    end = time.monotonic() + within
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_a_running_server_takes_new_secrets_from_their_files(
    tmp_path: Path, upstream: Upstream, stub_settings: Mapping[str, str]
) -> None:
    """A provider's new key is in the next call, and a new signing secret opens beside the old one.

    A bad file changes nothing and raises the alarm. There is no restart and no call lost.
    """
    old, new = secrets.token_hex(32), secrets.token_hex(32)
    files = {"OPENAI_API_KEY": tmp_path / "openai", "API_SECRET_KEY": tmp_path / "signing"}
    put(files["OPENAI_API_KEY"], "first-key")
    put(files["API_SECRET_KEY"], old)
    settings = {
        **{name: value for name, value in stub_settings.items() if name not in files},
        **{f"{name}_FILE": str(file) for name, file in files.items()},
        "CONFIG_DIR": str(write_catalogue(tmp_path)),
        "SECRET__RELOAD_EVERY": "0.05",
    }
    with Server(tmp_path, settings=settings) as server, server.client() as client:

        def sent() -> str:
            upstream.reset()
            assert client.post("/agent/execute", json={"agent_type": "general", "task": "Hello"}).status_code == 200
            return upstream.calls()[0].headers["authorization"]

        def opens(secret: str) -> bool:
            with server.client(key="", headers={"Authorization": f"Bearer {token(secret=secret)}"}) as bearer:
                return bearer.get("/agents").status_code == 200

        assert sent() == "Bearer first-key"
        put(files["OPENAI_API_KEY"], "second-key")
        assert soon(lambda: sent() == "Bearer second-key")
        assert (opens(old), opens(new)) == (True, False)
        put(files["API_SECRET_KEY"], new)
        assert soon(lambda: opens(new))
        assert opens(old)
        assert client.get("/agents").status_code == 200  # the administrator's key hangs on the old secret
        put(files["OPENAI_API_KEY"], "")
        alarm = 'bullpen_config_broken{file="OPENAI_API_KEY"} 1.0'
        assert soon(lambda: alarm in client.get("/metrics").text)
        assert sent() == "Bearer second-key"
