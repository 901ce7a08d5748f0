"""Who is asking: an API key or a token becomes a `Caller`, in memory and without a wait.

Failure mode: closed. Whoever cannot be recognised is refused, and while the key store is away the last known keys
stand for a short time and no longer.
"""

from bullpen.security.authentication.authenticator import Authenticator, key_id_of, method_of
from bullpen.security.authentication.bearer import Marks, Tokens
from bullpen.security.authentication.claims import ClaimMap, claim_path
from bullpen.security.authentication.factors import require_factor
from bullpen.security.authentication.groups import Groups, read_groups
from bullpen.security.authentication.guesses import Guesses
from bullpen.security.authentication.issuers import Provider
from bullpen.security.authentication.jwks import KeySet
from bullpen.security.authentication.keys import issue
from bullpen.security.authentication.locksmith import Locksmith
from bullpen.security.authentication.mirror import Pace
from bullpen.security.authentication.news import News
from bullpen.security.authentication.opaque import ApiKey
from bullpen.security.authentication.pepper import Peppers
from bullpen.security.authentication.ports import KeyRecord, KeyStore
from bullpen.security.authentication.revocations import Revocations
from bullpen.security.authentication.rights import beyond
from bullpen.security.authentication.ring import Census, KeyRing
from bullpen.security.authentication.sessions import Grant, Sessions
from bullpen.security.authentication.upkeep import Upkeep

__all__ = [
    "ApiKey",
    "Authenticator",
    "Census",
    "ClaimMap",
    "Grant",
    "Groups",
    "Guesses",
    "KeyRecord",
    "KeyRing",
    "KeySet",
    "KeyStore",
    "Locksmith",
    "Marks",
    "News",
    "Pace",
    "Peppers",
    "Provider",
    "Revocations",
    "Sessions",
    "Tokens",
    "Upkeep",
    "beyond",
    "claim_path",
    "issue",
    "key_id_of",
    "method_of",
    "read_groups",
    "require_factor",
]
