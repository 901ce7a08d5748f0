"""`GET /security/status`: how well this server is guarded, for administrators."""

from fastapi import APIRouter
from pydantic import BaseModel, Field, JsonValue
from starlette.requests import Request
from starlette.responses import Response

from bullpen.api.documents import responses
from bullpen.api.gate import Gate
from bullpen.api.json import json_response
from bullpen.operations import Posture

__all__ = ["SecurityDocument", "routes"]


class SecurityDocument(BaseModel):
    """How every guard stands; a member is null when the store behind it is away."""

    total_audit_entries: int | None = Field(description="Rows of your tenant's audit chain")
    recent_events: int | None = Field(description="Of them from the last hour, counted up to 500")
    rate_limits_active: int | None = Field(description="Rate-limit buckets in use")
    recent_denials: dict[str, int] | None = Field(description="Refusals of the last hour, by type of event")
    controls: dict[str, dict[str, JsonValue] | None] = Field(description="How each guard stands")
    weak_settings: list[str] = Field(description="What to mend")
    credential_ages: dict[str, float] = Field(description="Age of the oldest of its kind, seconds")
    keys: dict[str, JsonValue] | None = Field(description="API keys, and how many hang on an older secret")


def routes(*, gate: Gate, posture: Posture) -> APIRouter:
    """The route; it needs `security:read`, which of the roles only `admin` has."""
    router = APIRouter(tags=["security"])

    @router.get(
        "/security/status",
        summary="How well this server is guarded",
        responses=responses({"model": SecurityDocument}, 401, 403, 429, 500, 503),
    )
    async def status(request: Request) -> Response:
        caller = await gate.admit(request, "security:read")
        return json_response((await posture.status(tenant=caller.tenant)).as_dict())

    return router
