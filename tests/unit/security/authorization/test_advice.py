"""What is probably not meant."""

import pytest

from bullpen.security.authorization import advice
from bullpen.security.authorization.document import built_in, policies_of


def test_the_shipped_policy_gives_no_advice() -> None:
    """It would be told at every check."""
    assert built_in().warnings == ()


def test_the_names_of_the_house_are_those_of_the_shipped_policy() -> None:
    """A name that is almost one of these is told."""
    shipped = built_in()

    assert shipped.roles == advice.ROLES
    assert {each for granted in shipped.grants.values() for each in granted} - {"*"} <= set(advice.PERMISSIONS)


def test_a_permit_of_everything_to_everybody_is_allowed_and_told() -> None:
    """Somebody may want it on a laptop; nobody wants it by mistake."""
    found = policies_of('\n@id("open") permit (principal, action, resource);')

    assert found.open
    assert found.warnings == ("policies.cedar:2:1: the rule `open` permits everybody everything inside their tenant.",)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ('Role::"amdin"', ["policies.cedar:1:37: `amdin` is new. Did you mean `admin`?"]),
        ('Role::"auditor"', []),
        ('Role::"admin"', []),
    ],
)
def test_a_role_that_is_almost_one_of_the_house_is_told(name: str, told: list[str]) -> None:
    """Roles are declared by being named, so a slip of the finger is a new role, and no mistake."""
    assert list(policies_of(f'@id("a") permit (principal in {name}, action, resource);').warnings) == told


@pytest.mark.parametrize(
    ("name", "hint"),
    [("agent:exceute", "agent:execute"), ("agent:execute:restricted", ""), ("agent", ""), ("cost:read", "")],
)
def test_a_permission_that_is_almost_one_of_the_house_is_told(name: str, hint: str) -> None:
    """What is above or below one of the house's is meant."""
    found = policies_of(f'@id("a") permit (principal in Role::"admin", action in Action::"{name}", resource);')

    assert [one.partition("Did you mean ")[2] for one in found.warnings] == ([f"`{hint}`?"] if hint else [])
