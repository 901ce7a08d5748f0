"""Where things are in a policy file."""

from hypothesis import given
from hypothesis import strategies as st

from bullpen.security.authorization.source import Source

TEXT = """// a comment; with a semicolon
permit (principal, action, resource) // and another
when { "a ; in \\" a string" == Role::"x" };

forbid"""


def test_statements_end_with_a_semicolon_that_is_code() -> None:
    """Those of comments and strings are none, and the last statement may lack its own."""
    source = Source(TEXT, name="f")

    first, second = source.statements()

    assert (source.place(first.start), source.place(second.start), source.line(second.start)) == (
        "f:2:1",
        "f:5:1",
        "f:5",
    )
    assert source.cut(first) == TEXT[TEXT.index("permit") : TEXT.index("\n\nforbid")]
    assert source.cut(first, 3) == "permit (principal"
    assert [token.text for token in first.named("Role")] == ['"x"']


def test_depth_is_that_of_the_deepest_brackets() -> None:
    """All kinds count, and brackets in strings do not."""
    (statement,) = Source('f([{1}], {}, "((((")', name="f").statements()

    assert statement.depth == 3


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_every_character_is_in_a_token_or_between_two(text: str) -> None:
    """No text, whatever it is, loses anything or stops the reading."""
    source = Source(text, name="f")
    tokens = list(source.tokens())
    skipped = "".join(text)

    for token in reversed(tokens):
        assert text[token.start : token.start + len(token.text)] == token.text
        skipped = skipped[: token.start] + skipped[token.start + len(token.text) :]

    assert all(line.split("//")[0].strip() == "" for line in skipped.split("\n"))
    assert [token for each in source.statements() for token in each.tokens] == tokens
