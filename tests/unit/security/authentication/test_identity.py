"""Names of users and tenants."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.security.authentication.identity import DEFAULT_TENANT, is_tenant, is_user_id


@pytest.mark.parametrize("user_id", ["a", "x" * 128, "auth0|123", "urn:example:ü", "a b@c"])
def test_user_ids_may_be_what_identity_providers_hand_out(user_id: str) -> None:
    """Colons, bars and letters of any script."""
    assert is_user_id(user_id)


@pytest.mark.parametrize(
    "user_id", ["", "x" * 129, "a\n", "a\x00", " a", "a ", "\ud800", "\u202ea", None, 7, True, ["a"]]
)
def test_other_user_ids_are_refused(user_id: object) -> None:
    """Nothing that breaks a log line, a key or a database."""
    assert not is_user_id(user_id)


@pytest.mark.parametrize("tenant", [DEFAULT_TENANT, "A", "acme-eu.1_x", "x" * 64])
def test_tenants_are_plain_words(tenant: str) -> None:
    """Letters, digits, dots, dashes and underscores."""
    assert is_tenant(tenant)


@pytest.mark.parametrize("tenant", ["", "x" * 65, "a:b", "-a", "a/b", "a\n", "ü", None, 7])
def test_other_tenants_are_refused(tenant: object) -> None:
    """A tenant begins ids and keys, so a colon in one would be another tenant's."""
    assert not is_tenant(tenant)


@given(st.text())
def test_whatever_is_accepted_can_be_stored(text: str) -> None:
    """Accepted names are UTF-8 and fit their column."""
    if is_user_id(text):
        assert len(text.encode().decode()) <= 128
