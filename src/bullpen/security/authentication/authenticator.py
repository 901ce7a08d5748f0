"""From what a request carries to who sent it."""

from typing import Final, Literal

from bullpen.caller import Caller
from bullpen.errors import Unauthenticated
from bullpen.security.authentication.bearer import Tokens
from bullpen.security.authentication.opaque import ApiKey
from bullpen.security.authentication.ring import KeyRing

__all__ = ["Authenticator", "key_id_of", "method_of"]

_LONGEST: Final = 8 * 1024
_KEY_PREFIX: Final = "bp_"
_BLANK: Final = " \t"
_BY_KEY: Final = "api_key:"


class Authenticator:
    """Makes callers. Waits only for what is not known yet: a key or a token seen before costs no wait."""

    def __init__(self, keys: KeyRing, tokens: Tokens | None = None) -> None:
        """Without `tokens`, only API keys open."""
        self._keys = keys
        self._tokens = tokens

    async def authenticate(self, *, api_key: str | None = None, bearer: str | None = None) -> Caller:
        """The caller with this credential.

        Args:
            api_key: The value of `X-API-Key`.
            bearer: What follows `Bearer` in `Authorization`: an API key or a token.

        White space around either is the header's. Two credentials that differ are refused rather than ranked: whoever
        adds one, a proxy or an attacker, must not be able to act in the other's name.

        Raises:
            Unauthenticated: No credential, two different ones, or one that is not valid.
            DependencyDown: The credential cannot be checked now.
        """
        api_key, bearer = (api_key or "").strip(_BLANK), (bearer or "").strip(_BLANK)
        if api_key and bearer and api_key != bearer:
            raise Unauthenticated("Two different credentials were sent. Send one.", facts={"reason": "two_credentials"})
        credential = api_key or bearer
        if not credential:
            raise Unauthenticated(
                "No credential was sent. Send an API key as `X-API-Key`, or a key or token as `Authorization: Bearer`.",
                event="credential_missing",
            )
        is_key = bool(api_key) or credential.startswith(_KEY_PREFIX)
        if len(credential) > _LONGEST or not credential.isascii():
            event = "api_key_auth_failed" if is_key else "token_invalid"
            raise Unauthenticated("The credential is not valid.", event=event, facts={"reason": "form"})
        if not is_key:
            return await self._from_token(credential)
        record = await self._keys.recognise(credential)
        return record.caller(credential=f"{_BY_KEY}{record.id}")

    async def _from_token(self, token: str) -> Caller:
        if self._tokens is None:
            raise Unauthenticated("Tokens are not accepted here. Send an API key.", facts={"reason": "no_tokens"})
        return await self._tokens.verify(token)


def key_id_of(credential: str | None) -> str | None:
    """What an API key calls itself, right or wrong; None for any other credential, which has no name."""
    key = ApiKey.parse((credential or "").strip(_BLANK))
    return key.id if key else None


def method_of(caller: Caller) -> Literal["api_key", "jwt"]:
    """How the caller was recognised."""
    return "api_key" if caller.credential.startswith(_BY_KEY) else "jwt"
