"""Nobody gives more than they have."""

from collections.abc import Iterable, Mapping

import pytest

from bullpen.caller import Caller
from bullpen.security.authentication.ports import KeyRecord
from bullpen.security.authentication.rights import beyond


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


def refused(wanted: KeyRecord, *, may: Iterable[str], role: str = "analyst") -> list[str]:
    giver = Caller(
        user_id="u",
        tenant="t",
        credential="test",
        roles=frozenset({role}),
        attributes={"clearance_level": 2, "department": "sales"},
    )
    return [error.path for error in beyond(wanted, giver=giver, allows=frozenset(may).__contains__)]


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


def test_an_administrator_gives_every_role_and_attribute() -> None:
    """And every permission they have, which may be all but the operator's."""
    wanted = asked(["user"], ["*"], {"clearance_level": 9})
    assert refused(wanted, may=["*"], role="admin") == []
    assert refused(asked(permissions=["audit:read:house"]), may=["*"], role="admin") == ["permissions"]
    assert refused(wanted, may=["data:read"], role="admin") == ["roles", "attributes", "permissions"]


def test_the_permission_for_everything_makes_no_administrator() -> None:
    """What a policy lets administrators alone do, such as run the house, must not be had by a key of one's own."""
    wanted = asked(["admin"], ["*"], {"clearance_level": 9})
    assert refused(wanted, may=["*"]) == ["roles", "attributes"]
