"""From what a request carries to who sent it."""

from typing import Final

from bullpen.caller import Caller
from bullpen.errors import Unauthenticated
from bullpen.security.authentication.jwt import Tokens
from bullpen.security.authentication.ports import KeyRecord
from bullpen.security.authentication.ring import KeyRing

__all__ = ["Authenticator"]

_LONGEST: Final = 8 * 1024
_KEY_PREFIX: Final = "bp_"
_BLANK: Final = " \t"


class Authenticator:
    """Makes callers. Never waits, and asks no store."""

    def __init__(self, keys: KeyRing, tokens: Tokens | None = None) -> None:
        """Without `tokens`, only API keys open."""
        self._keys = keys
        self._tokens = tokens

    def authenticate(self, *, api_key: str | None = None, bearer: str | None = None) -> Caller:
        """The caller with this credential.

        Args:
            api_key: The value of `X-API-Key`.
            bearer: What follows `Bearer` in `Authorization`: an API key or a token.

        White space around either is the header's. Two credentials that differ are refused rather than ranked: whoever
        adds one, a proxy or an attacker, must not be able to act in the other's name.

        Raises:
            Unauthenticated: No credential, two different ones, or one that is not valid.
            DependencyDown: API keys cannot be checked now.
        """
        api_key, bearer = (api_key or "").strip(_BLANK), (bearer or "").strip(_BLANK)
        if api_key and bearer and api_key != bearer:
            raise Unauthenticated("Two different credentials were sent. Send one.")
        credential = api_key or bearer
        if not credential:
            raise Unauthenticated(
                "No credential was sent. Send an API key as `X-API-Key`, or a key or token as `Authorization: Bearer`."
            )
        if len(credential) > _LONGEST or not credential.isascii():
            raise Unauthenticated("The credential is not valid.")
        if api_key or credential.startswith(_KEY_PREFIX):
            return _caller(self._keys.verify(credential))
        return self._from_token(credential)

    def _from_token(self, token: str) -> Caller:
        if self._tokens is None:
            raise Unauthenticated("Tokens are not accepted here. Send an API key.")
        return self._tokens.verify(token)


def _caller(record: KeyRecord) -> Caller:
    return Caller(
        user_id=record.user_id,
        tenant=record.tenant,
        credential=f"api_key:{record.id}",
        roles=record.roles,
        permissions=record.permissions,
        attributes=record.attributes,
    )
