"""JSON out, by the fast encoder."""

import json
from typing import Any, Final

import orjson
from starlette.responses import Response

__all__ = ["encoded", "json_response"]

_UTF_16: Final = "utf-16-le"


def encoded(document: Any) -> bytes:
    """The document as JSON, whatever text is in it.

    A model may send half a character (a lone surrogate), which no UTF-8 can hold: halves that belong together are
    joined, the others become U+FFFD.
    """
    try:
        return orjson.dumps(document)
    except TypeError:
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        return text.encode(_UTF_16, "surrogatepass").decode(_UTF_16, "replace").encode()


def json_response(document: Any, *, status: int = 200) -> Response:
    """The document as JSON."""
    return Response(encoded(document), status, media_type="application/json")
