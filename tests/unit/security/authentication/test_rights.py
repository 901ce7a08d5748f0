"""Nobody gives more than they have."""

from collections.abc import Iterable, Mapping

import pytest

from bullpen.caller import Caller
from bullpen.security.authentication.ports import KeyRecord
from bullpen.security.authentication.rights import beyond

ROLES = ("admin", "analyst", "user")


def asked(
    roles: Iterable[str] = (), permissions: Iterable[str] = (), attributes: Mapping[str, str | int] | None = None
) -> KeyRecord:
    return KeyRecord(
        id="a" * 12,
        digest=b"",
        name="n",
        user_id="u",
        tenant="t",
        created_at=0.0,
        roles=frozenset(roles),
        permissions=frozenset(permissions),
        attributes=attributes or {},
    )


def refused(wanted: KeyRecord, *, may: Iterable[str]) -> list[str]:
    giver = Caller(
        user_id="u",
        tenant="t",
        credential="test",
        roles=frozenset({"analyst"}),
        attributes={"clearance_level": 2, "department": "sales"},
    )
    return [error.path for error in beyond(wanted, giver=giver, roles=ROLES, allows=frozenset(may).__contains__)]


@pytest.mark.parametrize(
    ("wanted", "wrong"),
    [
        (asked(roles=["analyst"], permissions=["data:read"]), []),
        (asked(attributes={"department": "sales", "clearance_level": 1}), []),
        (asked(roles=["admin"]), ["roles"]),
        (asked(roles=["user", "admin"], permissions=["key:manage", "*"]), ["roles"] * 2 + ["permissions"] * 2),
        (asked(attributes={"department": "legal"}), ["attributes"]),
        (asked(attributes={"clearance_level": 3}), ["attributes"]),
        (asked(attributes={"project": "x"}), ["attributes"]),
        (asked(attributes={"clearance_level": "1"}), ["attributes"]),
    ],
)
def test_what_the_giver_lacks_is_named(wanted: KeyRecord, wrong: list[str]) -> None:
    """Roles that are held, permissions that are allowed and attributes within one's own can be given; no others."""
    assert refused(wanted, may=["data:read"]) == wrong


def test_whoever_may_do_everything_may_give_everything() -> None:
    """But not a role that does not exist."""
    assert refused(asked(["admin"], ["a:b", "*"], {"clearance_level": 9}), may=["*"]) == []
    assert refused(asked(["admin", "adnim"]), may=["*"]) == ["roles"]
