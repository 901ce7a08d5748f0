"""Why a policy decides as it does."""

import pytest

from bullpen.caller import Caller
from bullpen.security.authorization.document import policies_of
from bullpen.security.authorization.explanation import explain
from bullpen.security.authorization.ports import Resource
from tests.stubs.policy import asking, shipped

POLICIES = shipped().policies
CODER = Resource("agent", "coder", tenant="acme")


@pytest.mark.parametrize(
    ("caller", "asked", "thing", "expected"),
    [
        (asking("developer"), "agent:create", CODER, "Allowed: rule `developer` permits it ("),
        (
            asking("user"),
            "agent:execute:advanced",
            CODER,
            "Denied: rule `advanced-needs-clearance` forbids it, by",
        ),
        (
            asking("admin"),
            "x",
            CODER._replace(tenant="b"),
            "Denied: rule `other-tenant` forbids it, by attributes (s",
        ),
    ],
)
def test_the_rule_that_decides_is_named_with_its_place(
    caller: Caller, asked: str, thing: Resource, expected: str
) -> None:
    """An operator finds it in the file."""
    assert explain(POLICIES, caller, asked, thing).lines[0].startswith(expected)


@pytest.mark.parametrize(
    ("thing", "asked", "needs"),
    [
        (CODER, "data:read", "one of the roles admin, analyst, or the permission `data:read`"),
        (
            CODER._replace(owner="bob"),
            "agent:read:own",
            "admin, developer, analyst, or the permission `agent:read`",
        ),
    ],
)
def test_what_is_missing_is_told_where_no_rule_permits(thing: Resource, asked: str, needs: str) -> None:
    """The roles that would do, and the permission."""
    first, second = explain(POLICIES, asking("user"), asked, thing).lines

    assert first == "Denied: nothing permits it."
    assert needs in second


def test_without_roles_in_the_file_the_permission_is_told() -> None:
    """No role is made up."""
    policies = policies_of('@id("a") permit (principal, action in Action::"a", resource);')

    assert explain(policies, asking("user"), "b", CODER).lines == (
        "Denied: nothing permits it.",
        "It needs the permission `b` or one that includes it.",
        "No rule names the role `user`. The file names none.",
    )


def test_what_no_rule_can_see_is_told() -> None:
    """An unknown role, and an attribute of the wrong type."""
    caller = asking("admin", "amdin", attributes={"clearance_level": "2", "department": 5, "project": "x"})

    assert explain(POLICIES, caller, "x", CODER).lines[1:] == (
        "No rule names the role `amdin`. There are admin, developer, analyst, user.",
        "The attribute department counts as absent: it must be a text.",
        "The attribute clearance_level counts as absent: it must be a number.",
    )
