"""What was read from a policy file."""

from bullpen.security.authorization.document import built_in, policies_of


def test_the_shipped_roles_grant_what_the_seeds_say() -> None:
    """Exactly these, and to everybody their own audit entries."""
    assert built_in().grants == {
        "admin": {"*"},
        "developer": {"agent:create", "agent:execute", "agent:read"},
        "analyst": {"agent:execute", "agent:read", "data:read"},
        "user": {"agent:execute:basic", "agent:read:own"},
    }
    assert built_in().everybody == {"audit:read:own"}
    assert built_in().roles == ("admin", "developer", "analyst", "user")


def test_a_rule_that_asks_for_more_than_a_role_is_no_plain_grant() -> None:
    """A condition, one resource and one user are more."""
    found = policies_of(
        """
        @id("a") permit (principal in Role::"r", action in Action::"a", resource) when { principal.mfa };
        @id("b") permit (principal in Role::"r", action in Action::"b", resource == Resource::"agent/coder");
        @id("c") permit (principal == User::"acme/ann", action == Action::"c", resource);
        @id("d") permit (principal is User in Role::"r", action == Action::"d", resource);
        @id("e") permit (principal is User, action == Action::"e", resource);
        @id("f") forbid (principal in Role::"r", action in Action::"f", resource);
        """
    )
    assert found.grants == {"r": {"d"}}
    assert found.everybody == {"e"}
    assert not found.open
    assert (found.names_users, found.names_resources, found.reads_tags) == (True, True, False)
