"""Reading a JSON body, once, for every route that takes one."""

from typing import TypeVar

from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request

from bullpen.api.wire import parse
from bullpen.errors import Cancelled, UnsupportedMediaType

__all__ = ["body_of"]

BodyT = TypeVar("BodyT", bound=BaseModel)


async def body_of(request: Request, model: type[BodyT]) -> BodyT:
    """The request's body as the model.

    Raises:
        UnsupportedMediaType: It is not declared as JSON.
        BodyTooLarge, MalformedBody, InvalidRequest: As their names say.
        Cancelled: The caller hung up while sending.
    """
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared != "application/json" and not declared.endswith("+json"):
        raise UnsupportedMediaType("The body must be JSON. Send `Content-Type: application/json`.")
    try:
        body = await request.body()
    except ClientDisconnect:
        raise Cancelled("The caller hung up before the body was sent.") from None
    return parse(body, model)
