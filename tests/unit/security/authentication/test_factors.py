"""More than one factor: what counts as that, and the demand for it."""

import pytest

from bullpen.caller import Caller
from bullpen.errors import Unauthenticated
from bullpen.security.authentication.factors import factors_of, require_factor


@pytest.mark.parametrize(
    ("amr", "enough"),
    [
        ([], False),
        (["pwd"], False),
        (["pwd", "pin"], False),
        (["otp", "sms"], False),
        (["pwd", "user"], False),
        (["pwd", "otp"], True),
        (["pin", "hwk"], True),
        (["face", "swk"], True),
        (["mfa"], True),
    ],
)
def test_two_kinds_of_proof_are_more_than_one_factor(amr: list[str], enough: bool) -> None:
    """Something known, something held, something one is; two of one kind are one factor."""
    assert ("mfa" in factors_of(amr)) is enough
    assert factors_of(amr) >= set(amr)
    assert "mfa" in factors_of(amr, enough=True)


def test_one_factor_is_told_what_to_do() -> None:
    """With the challenge of RFC 9470, and for the audit trail who and why."""
    caller = Caller(user_id="u", tenant="t", credential="jwt", factors=frozenset({"pwd"}))
    with pytest.raises(Unauthenticated, match="second factor") as caught:
        require_factor(caller, acr_values=["b", "a"])
    assert caught.value.challenge == (
        'Bearer realm="bullpen", error="insufficient_user_authentication", acr_values="a b"'
    )
    assert caught.value.event == "authorization_denied"
    assert caught.value.facts == {"reason": "second_factor_missing"}
    with pytest.raises(Unauthenticated) as caught:
        require_factor(caller)
    assert "acr_values" not in caught.value.challenge


def test_more_than_one_factor_passes() -> None:
    """However the token said so."""
    require_factor(Caller(user_id="u", tenant="t", credential="jwt", factors=factors_of(["pwd", "otp"])))
