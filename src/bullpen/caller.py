"""Who is asking. Every story needs one; the gate alone makes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Caller"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An authenticated caller.

    Attributes:
        user_id: Unique inside the tenant.
        tenant: Nothing is ever shared between two tenants.
        roles: Names in the role table; an unknown one grants nothing.
        permissions: Granted beside those of the roles.
        attributes: `department`, `clearance_level`, `project` and the like.
        credential: What was shown, fit for a log: `api_key:<id>` or `jwt`.
        factors: How the caller proved who they are, as `amr` and `acr` of a token say; `mfa` when by more than one.
    """

    user_id: str
    tenant: str
    credential: str
    roles: frozenset[str] = frozenset()
    permissions: frozenset[str] = frozenset()
    attributes: Mapping[str, str | int] = field(default_factory=dict)
    factors: frozenset[str] = frozenset()
