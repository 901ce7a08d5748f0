"""What is wrong with a setting, in one line."""

from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel

from bullpen.spelling import meant

__all__ = ["problem"]

_NOT_AN_OBJECT: Final = {"dict_type", "model_type"}


def problem(error: Any, model: type[BaseModel]) -> str:
    """The variable, and what pydantic has against it; never the value, which may be a secret."""
    variable = "__".join(str(part).upper() for part in error["loc"])
    if error["type"] == "extra_forbidden":
        *groups, name = map(str, error["loc"])
        return f"{variable}: there is no such setting. {meant(name.upper(), _names(model, groups))}"
    if error["type"] in _NOT_AN_OBJECT:
        return f"{variable}: must be a JSON object, or be set entry by entry as {variable}__NAME."
    return f"{variable}: {error['msg'].removeprefix('Value error, ')}"


def _names(model: type[BaseModel], groups: list[str]) -> list[str]:
    """What a group knows; in a mapping, every name leads to the same kind of group."""
    kind: Any = model
    for name in groups:
        kind = get_args(kind)[1] if get_origin(kind) is dict else kind.model_fields[name].annotation
    return [each.upper() for each in kind.model_fields]
