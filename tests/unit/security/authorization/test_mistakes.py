"""Every mistake of a policy file is told, where it is, and with what was probably meant."""

import pytest

from bullpen.errors import Misconfigured
from bullpen.security.authorization.document import policies_of
from bullpen.security.authorization.source import DEEPEST, LONGEST

HEAD = "permit (principal, action, resource)"
WRONG = """// Every kind of mistake at once.
@id("a") permit (principal, axtion, resource);
@id("b") permit (principal in Rol::"admin", action, resource);
@id("c") permit (principal, action in Action::"agent:*", resource) when { principal.clearence_level > 2 };
permit (principal, action, resource);
@id("b") permit (principal, action, resource) when { principal.mfa && };
@id("b") @by("role") @of("x") forbid (principal, action, resource) wen { principal.mfa };
@id("b") @by("role") @bye("x") forbid (principal, action, resource) when { principal.mfa == "yes" };
@id("g") permit (principal, action, resource) when { "no end };
"""
STARRED = '"agent:*" is no permission: those are words joined by colons, or `*`. `agent` includes all below it.'
MISSPELT = "attribute `clearence_level` on entity type `User` not found."


def problems(text: str) -> list[str]:
    with pytest.raises(Misconfigured) as caught:
        policies_of(text)
    return list(caught.value.problems)


def test_every_mistake_is_told_at_once() -> None:
    """With line and column, in the order of the file."""
    assert problems(WRONG) == [
        "policies.cedar:2:29: found an invalid variable in the policy scope: axtion. Did you mean `action`?",
        "policies.cedar:3:31: unrecognized entity type `Rol`. Did you mean `Role`?",
        f"policies.cedar:4:47: {STARRED}",
        f"policies.cedar:4:85: {MISSPELT} Did you mean `clearance_level`?",
        'policies.cedar:5:1: the rule has no name. Write `@id("…")` before it.',
        "policies.cedar:6:71: unexpected token `}`.",
        "policies.cedar:7:68: invalid policy condition: wen. Did you mean `when`?",
        'policies.cedar:8:1: `@by` is "attributes" or absent, not "role".',
        "policies.cedar:8:1: the types Bool and String are not compatible.",
        "policies.cedar:8:1: there is a rule `b` already, at policies.cedar:3. Rename one of them.",
        "policies.cedar:8:1: there is no annotation `@bye`. Did you mean `by`?",
        "policies.cedar:9:54: this string does not end.",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: it has no rule, so nobody may do anything."),
        ("// nothing\n", "1:1: it has no rule, so nobody may do anything."),
        (f'@id("a") {HEAD}', "1:46: the rule does not end here: a `;` or a bracket is missing."),
        (f'@id("a") {HEAD}\n@id("b") {HEAD};', "2:1: unexpected token `@`. Does the rule before it lack its `;`?"),
        ("§", "1:1: '\\xa7' does not belong here."),
        (";", "1:1: unexpected token `;`."),
        ("permit;", "1:7: unexpected token `;`."),
        (f'@id("a") @id("b") {HEAD};', "1:2: duplicate annotation: @id."),
        (f'@id("") {HEAD};', "1:1: the rule has no name."),
        (f"@id {HEAD};", "1:1: the rule has no name."),
        (f'@id("other-tenant") {HEAD};', "1:1: there is a rule `other-tenant` already, at standing.cedar:3."),
        (f'@id("a") {HEAD} when {{ foo(1) }};', "1:54: `foo` is not a valid function."),
        (f'@id("a") {HEAD} when {{ 1 }};', "1:1: unexpected type: expected Bool but saw Long."),
        (f'@id("a") {HEAD} when {{ principal.project == "x" }};', "1:64: unable to guarantee safety"),
        (f'@id("a") {HEAD} when {{ context.time > 3 }};', "1:62: attribute `time` in context not found."),
        (f'@id("a") {HEAD} when {{ resource has owner && resource.owner.mfa }};', "1:85: nothing is known of an owner"),
        ('@id("a") permit (principal == ?principal, action, resource);', "1:1: a template permits nothing by itself."),
        ('@id("a") permit (principal, action == Action::"", resource);', '1:47: "" is no permission'),
        ('@id("a") permit (principal == Role::"admin", action, resource);', "1:1: "),
    ],
)
def test_each_mistake_is_told_in_its_place(text: str, expected: str) -> None:
    """Line and column count from 1."""
    assert problems(text)[0].startswith(f"policies.cedar:{expected}")


def test_what_is_not_always_there_must_be_asked_for() -> None:
    """The remedy is in the text."""
    (problem,) = problems(f'@id("a") {HEAD} when {{ principal.department == "x" }};')

    assert problem.endswith("Not all have it: ask `principal has department &&` first.")


def test_a_mistake_is_told_once_however_many_permissions_the_rule_has() -> None:
    """Cedar tells it for each."""
    text = '@id("a") permit (principal, action in [Action::"a", Action::"b:c"], resource) when { context.time > 3 };'

    assert len(problems(text)) == 1


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("(" * (DEEPEST + 1), "brackets"),
        ("[" * 100_000, "longer than"),
        ("true" + " && true" * LONGEST, "longer than"),
        ("if true then true else " * LONGEST, "longer than"),
    ],
)
def test_what_would_end_the_process_is_not_shown_to_the_parser(condition: str, expected: str) -> None:
    """Cedar's parser recurses; a rule that is nested too deeply overflows its stack, and no exception is raised."""
    assert expected in problems(f'@id("a") {HEAD} when {{ {condition} }};')[0] + problems(condition)[0]


@pytest.mark.parametrize(
    "condition",
    [
        "(" * (DEEPEST - 1) + "true" + ")" * (DEEPEST - 1),
        "true" + " && true" * 380,
        "1" + " + 1" * 380 + " == 1",
        "if true then true else " * 150 + "true",
    ],
)
def test_the_longest_rule_that_is_shown_to_the_parser_is_read(condition: str) -> None:
    """The bounds leave room."""
    assert policies_of(f'@id("a") {HEAD} when {{ {condition} }};').rules[0].id == "a"


def test_of_very_many_mistakes_the_first_are_told() -> None:
    """A log line, an alarm and a terminal are bounded."""
    told = problems("x;" * 1000)

    assert len(told) == 51
    assert told[-1] == "policies.cedar: 950 more mistakes."
