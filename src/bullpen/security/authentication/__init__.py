"""Who is asking: an API key or a token becomes a `Caller`, in memory and without a wait.

Failure mode: closed. Whoever cannot be recognised is refused, and while the key store is away the last known keys
stand for a short time and no longer.
"""

from bullpen.security.authentication.authenticator import Authenticator
from bullpen.security.authentication.jwt import Tokens
from bullpen.security.authentication.keys import issue, pepper_from
from bullpen.security.authentication.ports import KeyRecord, KeyStore
from bullpen.security.authentication.ring import KeyRing

__all__ = ["Authenticator", "KeyRecord", "KeyRing", "KeyStore", "Tokens", "issue", "pepper_from"]
