"""`/auth/…`: an API key is exchanged for tokens, which are renewed and revoked."""

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bullpen.api.body import body_of
from bullpen.api.credentials import RefreshBody, RevokeBody, TokenDocument, token_document
from bullpen.api.documents import body, responses
from bullpen.api.gate import Gate
from bullpen.api.json import json_response
from bullpen.api.strict import strictly
from bullpen.errors import Forbidden
from bullpen.security.audit import Audit, EventType
from bullpen.security.authentication import Sessions

__all__ = ["routes"]

_BY_KEY: Final = "api_key:"
_REFUSALS: Final = (400, 401, 413, 415, 422, 429, 500, 503, 504)


def routes(*, gate: Gate, sessions: Sessions, audit: Audit) -> APIRouter:
    """The routes of tokens. `refresh` and `revoke` have their credential in the body, and need no other."""
    router = APIRouter(tags=["security"])

    @router.post(
        "/auth/token",
        summary="Exchange an API key for tokens",
        responses=responses({"model": TokenDocument}, 401, 403, 429, 500, 503),
    )
    async def token(request: Request) -> Response:
        caller = await gate.admit(request)
        if not caller.credential.startswith(_BY_KEY):
            audit.record(EventType.AUTHORIZATION_DENIED, caller, outcome="denied", reason="not_an_api_key")
            raise Forbidden("Tokens are issued for API keys only. Send one, or use `POST /auth/refresh`.")
        grant = await sessions.begin(caller.credential.removeprefix(_BY_KEY))
        audit.record(EventType.TOKEN_ISSUED, caller, session=grant.session, seconds=grant.expires_in)
        return json_response(token_document(grant))

    @router.post(
        "/auth/refresh",
        summary="Exchange a refresh token for new tokens",
        responses=responses({"model": TokenDocument}, *_REFUSALS),
        openapi_extra=body(RefreshBody),
    )
    async def refresh(request: Request) -> Response:
        await gate.meet(request)
        asked = await body_of(request, RefreshBody)
        async with gate.doubting(request):
            grant = await sessions.refresh(asked.refresh_token)
        audit.record(EventType.TOKEN_REFRESHED, grant.caller, session=grant.session, seconds=grant.expires_in)
        return json_response(token_document(grant))

    @router.post(
        "/auth/revoke",
        summary="Revoke a token, and all of its session",
        description="Answers 200 whatever was sent: a token that is not valid needs no revoking (RFC 7009).",
        responses=responses({"content": {"application/json": {"schema": {"type": "object"}}}}, *_REFUSALS),
        openapi_extra=body(RevokeBody),
    )
    async def revoke(request: Request) -> Response:
        await gate.meet(request)
        asked = await body_of(request, RevokeBody)
        held = await sessions.holding(asked.token)
        if held is not None:
            async with strictly(audit, EventType.TOKEN_REVOKED, held.caller, session=held.session):
                await sessions.revoke(held.session)
        return json_response({})

    return router
