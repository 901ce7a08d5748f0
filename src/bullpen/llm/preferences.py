"""Which models are slow for now, so that their fallbacks are asked first."""

from collections.abc import Sequence

from bullpen.llm.link import Link

__all__ = ["Preferences"]


class Preferences:
    """The models that stand back behind their fallbacks; of one process, and shared by all guards.

    Nothing is lost by it: a model that stands back is still asked when its fallbacks fail, and where it has none.
    """

    def __init__(self) -> None:
        self._back: frozenset[str] = frozenset()

    @property
    def standing_back(self) -> frozenset[str]:
        """Their names, as `provider:model`."""
        return self._back

    def prefer_fallback(self, model: str) -> None:
        """Puts `model` behind its fallbacks."""
        self._back |= {model}

    def restore(self, model: str) -> None:
        """Gives `model` its place back."""
        self._back -= {model}

    def ordered(self, chain: Sequence[Link]) -> Sequence[Link]:
        """The chain in the order to ask in now."""
        if not self._back or len(chain) == 1:
            return chain
        return sorted(chain, key=lambda link: str(link.name) in self._back)
