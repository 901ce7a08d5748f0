"""The words a rule may use."""

import pytest

from bullpen.security.authorization.cedar import violations
from bullpen.security.authorization.vocabulary import ATTRIBUTES, TYPES, is_permission, schema_with


def test_the_schema_has_what_the_vocabulary_says() -> None:
    """Words for hints are those of the schema."""
    assert {"tenant", "clearance_level", "mfa", "owner", "covered_by"} <= set(ATTRIBUTES)
    assert set(TYPES) == {"Role", "Kind", "User", "Resource", "Action"}


def test_any_permission_is_an_action() -> None:
    """The catalogue may require what no list has."""
    rule = 'permit (principal, action in Action::"agent:execute:restricted", resource);'

    assert violations(rule, schema=schema_with({"agent:execute:restricted"})) == []
    assert violations(rule, schema=schema_with(())) != []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("agent:execute:basic", True), ("agent", True), ("*", True), ("", False), ("agent:*", False)),
        *(("agent:", False), (":agent", False), ("agent::read", False), ("agent read", False), ('a"b', False)),
    ],
)
def test_a_permission_is_words_and_colons(text: str, *, expected: bool) -> None:
    """Everything else would silently permit nothing."""
    assert is_permission(text) is expected
