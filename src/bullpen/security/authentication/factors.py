"""By how many kinds of proof a caller was recognised, and the demand for more than one."""

from collections.abc import Collection
from typing import Final

from bullpen.caller import Caller
from bullpen.errors import Unauthenticated

__all__ = ["MFA", "factors_of", "require_factor"]

MFA: Final = "mfa"

# The values of RFC 8176 §2 that are a proof of one kind. The others, such as `user` or `geo`, are none by themselves.
_KNOWN: Final = frozenset({"pwd", "pin", "kba"})
_HELD: Final = frozenset({"hwk", "swk", "pop", "otp", "sms", "tel", "sc"})
_BORN: Final = frozenset({"face", "fpt", "iris", "retina", "vbm"})


def factors_of(amr: Collection[str], *, enough: bool = False) -> frozenset[str]:
    """The methods of a token's `amr`, and `mfa` if they are of two kinds at least, or say so, or are `enough`."""
    kinds = sum(not kind.isdisjoint(amr) for kind in (_KNOWN, _HELD, _BORN))
    return frozenset(amr) | {MFA} if enough or kinds > 1 else frozenset(amr)


def require_factor(caller: Caller, *, acr_values: Collection[str] = ()) -> None:
    """Lets those through who proved themselves by more than one factor. No API key does.

    Args:
        caller: Who asks.
        acr_values: What to ask the provider for, told to the client.

    Raises:
        Unauthenticated: With the challenge of RFC 9470, by which a client knows to sign the user in again.
    """
    if MFA in caller.factors:
        return
    asked = f', acr_values="{" ".join(sorted(acr_values))}"' if acr_values else ""
    raise Unauthenticated(
        "This needs a sign-in with more than one factor. Sign in again with a second factor and send the new token; "
        "an API key cannot do this.",
        event="authorization_denied",
        facts={"reason": "second_factor_missing"},
        challenge=f'Bearer realm="bullpen", error="insufficient_user_authentication"{asked}',
    )
