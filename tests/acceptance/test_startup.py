"""How a server refuses to start: one message with everything that is wrong, an exit code, no traceback.

That it does not start open to the network without secrets is promise P19.
"""

import socket
from pathlib import Path
from typing import Any

import pytest

from tests.stubs.catalogue import write_catalogue
from tests.stubs.serving import bullpen

LOCAL = ("serve", "--host", "127.0.0.1", "--port", "0")


def refusal(*command: str, folder: Path, **settings: str) -> str:
    done = bullpen(*command, folder=folder, settings=settings)
    assert done.returncode == 2, done.stdout
    assert "Traceback" not in done.stdout
    return done.stdout


@pytest.mark.parametrize(("provider", "variable"), [("openai", "OPENAI_API_KEY"), ("anthropic", "ANTHROPIC_API_KEY")])
def test_a_model_without_its_key(tmp_path: Path, provider: str, variable: str) -> None:
    """A model that is named outright needs its provider's key; the message names the variable."""
    assert variable in refusal(*LOCAL, folder=tmp_path, MODEL_NAME=f"{provider}:some-model")


def test_every_bad_setting_at_once(tmp_path: Path) -> None:
    """Each wrong variable is named in one message, a misspelt one of a group too; a secret is not repeated."""
    wrong = {
        "AGENT_TIMEOUT": "-1",
        "MAX_CONCURRENT_AGENTS": "many",
        "LOG_LEVEL": "LOUD",
        "HTTP__MAX_BODY_BYTES": "0",
        "POOL__MAX_WIAT": "3",
        "API_SECRET_KEY": "tooshort",
    }
    message = refusal(*LOCAL, folder=tmp_path, **wrong)
    assert [name for name in wrong if name not in message] == []
    assert "tooshort" not in message


BAD_AGENTS: list[dict[str, Any]] = [
    {"type": "one", "modle": "offline"},
    {"type": "two", "temperature": 9},
    {"type": "three", "tools": ["calculatr"], "model": "offline"},
    {"type": "four", "model": "fsat"},
    {"type": "five", "source": "no_such_module:agent"},
]


def test_every_mistake_of_a_catalogue_at_once(tmp_path: Path) -> None:
    """Each mistake is told with its file and line, and with what was meant; `bullpen agents check` says the same."""
    config = write_catalogue(tmp_path, agents=BAD_AGENTS)
    message = refusal(*LOCAL, folder=tmp_path, CONFIG_DIR=str(config))
    assert [agent["type"] for agent in BAD_AGENTS if f"{agent['type']}.yaml:" not in message] == []
    assert [hint for hint in ("`model`", "`calculator`", "fast", "no_such_module") if hint not in message] == []
    assert refusal("agents", "check", folder=tmp_path, CONFIG_DIR=str(config)) == message


def test_settings_and_catalogue_at_once(tmp_path: Path) -> None:
    """What the address asks for, wrong URLs of stores and a wrong agent are one message; no password is in it."""
    wrong = {"DATABASE_URL": "mysql://u:hunter2@h/d", "REDIS_URL": "redis://:hunter2@h/name"}
    config = write_catalogue(tmp_path, agents=BAD_AGENTS[:1])
    message = refusal("serve", "--host", "0.0.0.0", "--port", "0", folder=tmp_path, CONFIG_DIR=str(config), **wrong)
    told = ("API_SECRET_KEY:", "MODEL_NAME:", "DATABASE_URL:", "REDIS_URL:", "one.yaml:")
    assert [name for name in told if name not in message] == []
    assert "hunter2" not in message


def test_an_empty_secret_file_opens_nothing(tmp_path: Path) -> None:
    """A secret that was mounted empty must not count as given: the server would make one nobody knows, and serve."""
    (tmp_path / "secret").touch()
    secret = {"API_SECRET_KEY_FILE": str(tmp_path / "secret"), "MODEL_NAME": "offline"}
    message = refusal("serve", "--host", "0.0.0.0", "--port", "0", folder=tmp_path, **secret)
    assert "API_SECRET_KEY_FILE" in message


def test_a_blank_task(tmp_path: Path) -> None:
    """`bullpen run` refuses what `POST /agent/execute` refuses."""
    assert "task is blank" in refusal("run", "general", " ", folder=tmp_path)


def test_a_taken_port(tmp_path: Path) -> None:
    """One clear line that names the port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = bullpen("serve", "--host", "127.0.0.1", "--port", port, folder=tmp_path, settings={})
    assert done.returncode != 0
    assert port in done.stdout
    assert len(done.stdout.splitlines()) == 1
