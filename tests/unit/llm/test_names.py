"""What a model name means."""

from collections.abc import Mapping

import pytest

from bullpen.errors import Misconfigured
from bullpen.llm.names import OFFLINE, Names
from bullpen.llm.ports import ModelName

BOTH = frozenset({"openai", "anthropic"})


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("openai:gpt-4o", ModelName("openai", "gpt-4o")),
        ("Anthropic: claude-opus-5-5", ModelName("anthropic", "claude-opus-5-5")),
        ("ollama:llama3:8b", ModelName("ollama", "llama3:8b")),
        ("gpt-4", ModelName("openai", "gpt-4")),
        ("o3", ModelName("openai", "o3")),
        ("offline", OFFLINE),
        ("offline:offline", OFFLINE),
    ],
)
def test_a_name_that_is_no_alias_means_itself(name: str, meaning: ModelName) -> None:
    """`provider:model` is split once; a bare name is OpenAI's, but for the offline model."""
    assert Names().resolve(name) == meaning


@pytest.mark.parametrize(
    ("names", "fast", "strong"),
    [
        (Names(), "offline:offline", "offline:offline"),
        (Names(providers=frozenset({"anthropic"})), "anthropic:claude-haiku-5-5", "anthropic:claude-opus-5-5"),
        (Names(providers=BOTH), "openai:gpt-4o-mini", "openai:gpt-4o"),
        (Names(default="x:y", providers=BOTH), "x:y", "x:y"),
        (Names(default="x:y", aliases={"fast": "a:b"}, providers=BOTH), "a:b", "x:y"),
        (Names(default="strong", providers=BOTH), "openai:gpt-4o", "openai:gpt-4o"),
        (Names(aliases={"fast": "cheap", "cheap": "gpt-4o-mini"}), "openai:gpt-4o-mini", "offline:offline"),
    ],
)
def test_a_tier_means_the_first_thing_that_was_said(names: Names, fast: str, strong: str) -> None:
    """An alias of its own comes first, then the default model, OpenAI by key, Anthropic by key, and offline last."""
    assert [str(names.resolve(tier)) for tier in ("fast", "strong")] == [fast, strong]


@pytest.mark.parametrize("name", ["fats", "", ":", "openai:", ":gpt-4o"])
def test_a_name_that_can_mean_nothing_is_refused(name: str) -> None:
    """A misspelt alias and half a name are found at start, not sent to a provider."""
    with pytest.raises(Misconfigured):
        Names().resolve(name)


def test_an_unknown_alias_is_told_the_known_ones() -> None:
    """The message lists what may be written instead."""
    with pytest.raises(Misconfigured, match="cheap, fast, offline, strong"):
        Names(aliases={"cheap": "x:y"}).resolve("fats")


@pytest.mark.parametrize("aliases", [{"a": "a"}, {"a": "b", "b": "a"}])
def test_aliases_that_lead_in_a_circle_are_refused(aliases: Mapping[str, str]) -> None:
    """A circle is a mistake of the operator's, not an endless loop of ours."""
    with pytest.raises(Misconfigured, match="leads back to itself"):
        Names(aliases=aliases).resolve("a")
