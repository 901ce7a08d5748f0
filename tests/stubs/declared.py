"""What the code declares by name: settings, metrics and commands; pages are compared with it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

from prometheus_client.metrics import MetricWrapperBase
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bullpen.telemetry import Metrics

__all__ = ["commands_of", "default_of", "metrics_of", "settings_of"]


def settings_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Variables and defaults; a top-level dictionary has a variable an entry, and `NAME` stands for its key."""
    for name, field in model.model_fields.items():
        variable, kind = f"{prefix}{name}".upper(), field.annotation
        inner: Any = get_args(kind)[1] if get_origin(kind) is dict and not prefix else kind
        named = variable if inner is kind else f"{variable}__NAME"
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from settings_of(inner, f"{named}__")
        else:
            yield named, default_of(field) if inner is kind else "unset"


def default_of(field: FieldInfo) -> str:
    """A default as the pages write it: as JSON, but for a word or a path, which stands for itself."""
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if default is None:
        return "unset"
    if isinstance(default, Path) or (isinstance(default, str) and default[:1].isalpha()):
        return str(default)
    whole = isinstance(default, float) and default.is_integer()
    return json.dumps(int(default) if whole else default)


def metrics_of(metrics: Metrics) -> Iterator[tuple[str, tuple[str, str]]]:
    """Name, type and labels of every metric."""
    for name, metric in vars(metrics).items():
        if isinstance(metric, MetricWrapperBase):
            yield f"bullpen_{name}", (str(metric._type), ", ".join(metric._labelnames) or "none")


def commands_of(found: Any, name: str) -> Iterator[tuple[str, set[str]]]:
    """Every command that does something, with its long options."""
    below = getattr(found, "commands", None)
    if below is None:
        yield name, {option for each in found.params for option in each.opts if option.startswith("--")}
        return
    for word, inner in below.items():
        yield from commands_of(inner, f"{name} {word}")
