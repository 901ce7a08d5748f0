"""What can happen, and how it is written down."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

import orjson

__all__ = ["HOUSE", "Detail", "Event", "EventType", "Origin", "Outcome", "from_json", "to_json"]

HOUSE: Final = "-"
"""The tenant of what concerns nobody's tenant, such as a stranger at the door. No tenant can be called so."""

Outcome: TypeAlias = Literal["success", "denied", "error"]
Detail: TypeAlias = str | int | float | bool | None

_NOTHING: Final[Mapping[str, Detail]] = MappingProxyType({})


class EventType(StrEnum):
    """Every kind of event. A kind that is not here cannot be recorded."""

    AUTHENTICATION_SUCCESS = "authentication_success"
    TOKEN_EXPIRED = "token_expired"
    TOKEN_TOO_OLD = "token_too_old"
    TOKEN_EXPIRED_SIGNATURE = "token_expired_signature"
    TOKEN_INVALID = "token_invalid"
    API_KEY_AUTH_SUCCESS = "api_key_auth_success"
    API_KEY_AUTH_FAILED = "api_key_auth_failed"
    CREDENTIAL_MISSING = "credential_missing"
    GUESSING_SLOWED = "guessing_slowed"
    AUTHORIZATION_SUCCESS = "authorization_success"
    ABAC_AUTHORIZATION_SUCCESS = "abac_authorization_success"
    AUTHORIZATION_DENIED = "authorization_denied"
    RATE_LIMIT_BLOCKED = "rate_limit_blocked"
    BURST_LIMIT_TRIGGERED = "burst_limit_triggered"
    RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"
    CONCURRENCY_LIMIT_REACHED = "concurrency_limit_reached"
    AGENT_EXECUTION = "agent_execution"
    API_KEY_CREATED = "api_key_created"
    API_KEY_ROTATED = "api_key_rotated"
    API_KEY_REVOKED = "api_key_revoked"
    TOKEN_ISSUED = "token_issued"
    TOKEN_REFRESHED = "token_refreshed"
    TOKEN_REUSED = "token_reused"
    TOKEN_REVOKED = "token_revoked"
    POLICY_RELOADED = "policy_reloaded"
    POLICY_REJECTED = "policy_rejected"
    SETTINGS_CHANGED = "settings_changed"
    DATA_READ = "data_read"
    AUDIT_READ = "audit_read"
    AUDIT_VERIFIED = "audit_verified"
    AUDIT_PRUNED = "audit_pruned"
    PERSON_ERASED = "person_erased"


class Origin(NamedTuple):
    """Where a request came from.

    Attributes:
        address: Of the client, as far as it can be trusted; empty when there is none, as for a command.
        user_agent: As the client calls itself, cut at 256 characters.
        request_id: As in the answer's `X-Request-ID`.
        route: As in the route table, such as `/agent/execute`; empty until it is known.
    """

    address: str = ""
    user_agent: str = ""
    request_id: str = ""
    route: str = ""


_NOWHERE: Final = Origin()


class Event(NamedTuple):
    """One thing that happened. Never holds a prompt, an answer or a secret.

    Attributes:
        id: Unique for ever.
        at: Seconds since 1970.
        type: What happened.
        tenant: Whose chain it belongs to; `HOUSE` when nobody's.
        actor: The user's id inside the tenant; empty for a stranger.
        credential: As in `Caller`; empty for a stranger.
        outcome: How it ended.
        origin: Where it came from.
        details: Small facts by name.
    """

    id: str
    at: float
    type: EventType
    tenant: str = HOUSE
    actor: str = ""
    credential: str = ""
    outcome: Outcome = "success"
    origin: Origin = _NOWHERE
    details: Mapping[str, Detail] = _NOTHING


def to_json(event: Event) -> bytes:
    """The event as it travels through the outbox."""
    number, at, kind, tenant, actor, credential, outcome, origin, details = event
    address, user_agent, request_id, route = origin
    return orjson.dumps(
        {
            "id": number,
            "at": at,
            "type": kind.value,
            "tenant": tenant,
            "actor": actor,
            "credential": credential,
            "outcome": outcome,
            "address": address,
            "user_agent": user_agent,
            "request_id": request_id,
            "route": route,
            "details": dict(details),
        }
    )


def from_json(body: bytes) -> Event:
    """The event that `to_json` wrote."""
    told = orjson.loads(body)
    origin = Origin(**{name: told.pop(name) for name in ("address", "user_agent", "request_id", "route")})
    return Event(origin=origin, type=EventType(told.pop("type")), **told)
