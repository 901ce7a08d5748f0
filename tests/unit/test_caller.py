"""Callers."""

from dataclasses import FrozenInstanceError

import pytest

from bullpen.caller import Caller


def test_a_caller_cannot_be_changed() -> None:
    """What the gate found out stays as it is on the whole way down."""
    caller = Caller(user_id="u", tenant="t", credential="jwt")
    with pytest.raises(FrozenInstanceError):
        caller.tenant = "other"  # type: ignore[misc] # the very thing that must fail


def test_a_caller_may_do_nothing_by_default() -> None:
    """Roles and permissions are given, never assumed, and not shared between callers."""
    one, other = (Caller(user_id=name, tenant="t", credential="jwt") for name in "ab")
    assert one.roles == one.permissions == frozenset()
    assert one.attributes == {}
    assert one.attributes is not other.attributes
