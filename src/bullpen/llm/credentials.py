"""Credentials of models that Bullpen did not make from its own settings, looked for before the first call."""

import re
from collections.abc import Mapping
from typing import Final

from agno.exceptions import ModelAuthenticationError
from agno.models.base import Model

from bullpen.errors import Misconfigured
from bullpen.llm.keys import Key
from bullpen.llm.ports import ModelName

__all__ = ["check_credentials", "lend"]

# By their exact classes: a class derived from one of them may call somebody else's server.
_OFFICIAL: Final = {
    "agno.models.openai.chat.OpenAIChat": "openai",
    "agno.models.openai.responses.OpenAIResponses": "openai",
    "agno.models.anthropic.claude.Claude": "anthropic",
}
_CLIENTS: Final = ("client", "async_client")
_CREDENTIALS: Final = ("api_key", "auth_token")
_VARIABLE: Final = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:KEY|TOKEN)\b")


def lend(model: Model, keys: Mapping[str, Key]) -> None:
    """Gives a user's own model of OpenAI or Anthropic the server's key, if it has no key and no address of its own.

    Agno would look in the environment, where a key that came as a file is not. A copy of a model that was lent the key
    has it already, and follows it all the same.
    """
    key = keys.get(_OFFICIAL.get(_kind(model), ""))
    if key is None or _has(model, "auth_token", *_CLIENTS, "base_url", "client_params"):
        return
    if getattr(model, "api_key", None) in {None, "", key.text}:
        key.lend(model)


def check_credentials(model: Model, name: ModelName) -> None:
    """Raises `Misconfigured` when a key is missing, where Agno's class can tell."""
    parameters = getattr(model, "_get_client_params", None)
    if parameters is None or _has(model, *_CLIENTS):
        return
    try:
        parameters()
    except (ModelAuthenticationError, ValueError) as problem:
        variable = _VARIABLE.search(str(problem))
        raise _missing(name, variable[0] if variable else None) from problem
    provider = _OFFICIAL.get(_kind(model))
    # Claude's class only logs that it has none.
    if provider and not _has(model, *_CREDENTIALS, "client_params"):
        raise _missing(name, f"{provider.upper()}_API_KEY")


def _missing(name: ModelName, variable: str | None) -> Misconfigured:
    hint = f"Set {variable}." if variable else "Set its credentials as Agno's documentation says."
    return Misconfigured(f"The model {name} has no credentials. {hint}")


def _kind(model: Model) -> str:
    return f"{type(model).__module__}.{type(model).__qualname__}"


def _has(model: Model, *names: str) -> bool:
    return any(getattr(model, name, None) for name in names)
