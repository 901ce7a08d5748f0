"""Which model a name means: the one table of aliases, and the one way to read `provider:model`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from bullpen.errors import Misconfigured
from bullpen.llm.ports import ModelName

__all__ = ["OFFLINE", "TIERS", "Names"]

OFFLINE: Final = ModelName("offline", "offline")

# Each alias every catalogue may use, and what it means for the first provider that has a key.
TIERS: Final[Mapping[str, Mapping[str, str]]] = {
    "fast": {"openai": "gpt-4o-mini", "anthropic": "claude-haiku-5-5"},
    "strong": {"openai": "gpt-4o", "anthropic": "claude-opus-5-5"},
}


@dataclass(frozen=True, kw_only=True)
class Names:
    """Reads model names.

    `provider:model` means itself, `offline` the offline model, an alias what the table says, and any other bare name
    an OpenAI model. A bare word of letters alone is taken for a misspelt alias: no OpenAI model has such a name.

    Attributes:
        default: What `fast` and `strong` mean when they have no setting of their own (`MODEL_NAME`).
        aliases: What an alias means; wins over everything else.
        providers: Those with a key.
    """

    default: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    providers: frozenset[str] = frozenset()

    def resolve(self, name: str) -> ModelName:
        """The model `name` means, or `Misconfigured`."""
        return self._resolve(name, followed=())

    def _resolve(self, name: str, *, followed: tuple[str, ...]) -> ModelName:
        word = name.strip()
        if ":" in word:
            return _parsed(word)
        if word in followed:
            raise Misconfigured(f"The model alias `{word}` leads back to itself: {' → '.join((*followed, word))}.")
        meaning = self._meaning(word, followed=followed)
        if meaning is not None:
            return self._resolve(meaning, followed=(*followed, word))
        return self._bare(word)

    def _meaning(self, word: str, *, followed: tuple[str, ...]) -> str | None:
        if word in self.aliases:
            return self.aliases[word]
        if word not in TIERS:
            return None
        if self.default and self.default.strip() not in (word, *followed):
            return self.default
        for provider, model in TIERS[word].items():
            if provider in self.providers:
                return f"{provider}:{model}"
        return OFFLINE.id

    def _bare(self, word: str) -> ModelName:
        if word == OFFLINE.id:
            return OFFLINE
        if not word or word.isalpha():
            known = ", ".join(sorted({*TIERS, *self.aliases, OFFLINE.id}))
            raise Misconfigured(
                f"`{word}` is no model alias. Known are {known}; write anything else as `provider:model`."
            )
        return ModelName("openai", word)


def _parsed(text: str) -> ModelName:
    provider, _, model = (part.strip() for part in text.partition(":"))
    if provider == OFFLINE.provider:
        return OFFLINE
    if not provider or not model:
        raise Misconfigured(f"`{text}` is no model name. Write `provider:model`, such as `openai:gpt-4o`.")
    return ModelName(provider.lower(), model)
