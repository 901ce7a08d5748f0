"""What stands after the question mark of an address."""

import re
from collections.abc import Collection
from typing import Any, Final

from starlette.requests import Request

from bullpen.errors import FieldError, InvalidRequest

__all__ = ["Asked", "parameter", "query"]

_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_LONGEST: Final = 256
_LENGTH: Final = f"must have 1 to {_LONGEST} characters, or be left out"
_LISTED: Final = 20  # an answer must not outgrow its question


def parameter(name: str, description: str, **schema: Any) -> dict[str, Any]:
    """One parameter of a query, for the OpenAPI document; its schema is a string's unless it says otherwise."""
    plain = {"type": "string", "minLength": 1, "maxLength": _LONGEST}
    return {"name": name, "in": "query", "description": description, "schema": schema or plain}


def query(*parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters, for a route that reads them by itself."""
    return {"parameters": list(parameters)}


class Asked:
    """The parameters of a query, each at most once."""

    def __init__(self, request: Request, *parameters: dict[str, Any]) -> None:
        """Takes the request's query.

        Args:
            request: What came in.
            parameters: The parameters there are, as `parameter` makes them.

        Raises:
            InvalidRequest: There is another one, or one twice, or one that is empty or longer than makes sense.
        """
        known = [each["name"] for each in parameters]
        given = request.query_params.multi_items()
        names = [name for name, _ in given]
        wrong = [
            *(_unknown(name[:_LONGEST], known) for name in dict.fromkeys(names) if name not in known),
            *(FieldError(name, "must be sent once") for name in known if names.count(name) > 1),
            *(FieldError(name, _LENGTH) for name, text in given if name in known and not 0 < len(text) <= _LONGEST),
        ]
        if wrong:
            raise _refused(*wrong[:_LISTED])
        self._given = dict(given)

    def text(self, name: str) -> str | None:
        """The parameter as it was sent; None when it was not."""
        return self._given.get(name)

    def number(self, name: str, *, least: int, most: int, default: int) -> int:
        """The parameter as a whole number.

        Raises:
            InvalidRequest: It is not one, or out of bounds.
        """
        given = self.text(name)
        if given is None:
            return default
        if not _NUMBER.fullmatch(given) or not least <= int(given) <= most:
            raise _refused(FieldError(name, f"must be a whole number from {least} to {most}"))
        return int(given)

    def one_of(self, name: str, known: Collection[str]) -> str | None:
        """The parameter, which must be one of a few words.

        Raises:
            InvalidRequest: It is another; says which there are.
        """
        given = self.text(name)
        if given is not None and given not in set(known):
            raise _refused(FieldError(name, f"must be one of {', '.join(known)}"))
        return given


def _unknown(name: str, known: Collection[str]) -> FieldError:
    return FieldError(name, f"is not known here; there are {', '.join(known)}")


def _refused(*wrong: FieldError) -> InvalidRequest:
    said = "; ".join(f"`{each.path}` {each.message}" for each in wrong)
    return InvalidRequest(f"The query is not valid: {said}.", fields=wrong)
