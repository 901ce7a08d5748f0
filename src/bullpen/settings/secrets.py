"""Secrets, and the files they may come from."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, SecretStr

__all__ = ["FileSecret", "Secret", "from_file", "secret_fields", "secrets_of"]


def _bare(value: Any) -> Any:
    """A secret without the line end that editors and `echo` add; what went wrong with its file is raised here."""
    if isinstance(value, ValueError):
        raise value
    return value.strip() or None if isinstance(value, str) else value


Secret: TypeAlias = Annotated[SecretStr | None, BeforeValidator(_bare)]


class FileSecret(SecretStr):
    """A secret that came from a file, and knows which."""

    def __init__(self, value: str, *, file: Path) -> None:
        super().__init__(value)
        self.file = file


def secret_fields(model: type[BaseModel]) -> Iterator[str]:
    """The fields of a model that are secrets."""
    return (name for name, field in model.model_fields.items() if field.annotation == SecretStr | None)


def from_file(name: str, path: str, *, given: Any) -> FileSecret | ValueError:
    """What a secret's file holds, or what is wrong with it; `given` is the value its variable has beside the file's."""
    variable = name.upper()
    if given:
        return ValueError(f"{variable} and {variable}_FILE are both set. Keep one of them.")
    try:
        text = Path(path).read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        return ValueError(f"the file of {variable}_FILE, {path}, cannot be read ({type(error).__name__}).")
    return FileSecret(text, file=Path(path)) if text else ValueError(f"the file of {variable}_FILE, {path}, is empty.")


def secrets_of(holder: object, prefix: str = "") -> Iterator[tuple[str, SecretStr]]:
    """Every secret that is set in settings or a group, by its variable; `prefix` is that of the group."""
    members: Iterable[tuple[str, Any]] = ()
    if isinstance(holder, BaseModel):
        members = ((name, getattr(holder, name)) for name in type(holder).model_fields)
    elif isinstance(holder, dict):
        members = holder.items()
    for name, value in members:
        variable = f"{prefix}{name}".upper()
        if isinstance(value, SecretStr):
            yield variable, value
        else:
            yield from secrets_of(value, f"{variable}__")
