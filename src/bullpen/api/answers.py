"""JSON out, by the fast encoder."""

from typing import Any

import orjson
from starlette.responses import Response

__all__ = ["json_response"]


def json_response(document: Any, *, status: int = 200) -> Response:
    """The document as JSON."""
    return Response(orjson.dumps(document), status, media_type="application/json")
