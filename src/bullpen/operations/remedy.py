"""A remedy that goes in steps, and is taken back in steps when its reason is gone, without swinging to and fro."""

from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

__all__ = ["LONGEST_PATIENCE", "PATIENCE", "Move", "Remedy"]

PATIENCE: Final = 3
LONGEST_PATIENCE: Final = 24

Move: TypeAlias = Literal["apply", "undo", "hold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """How far a remedy has gone.

    Two thresholds with room between them keep it from swinging. Where that is not enough, because the remedy's own
    effect is what makes its reason go away, patience doubles each time a step had to be taken again that was undone
    before. It is short again after as many calm rounds as it can be long.

    Attributes:
        depth: Steps that are taken now.
        calm: Rounds since the reason was last there.
        patience: Calm rounds before a step is undone.
        undone: A step was undone, and none was taken since.
    """

    depth: int = 0
    calm: int = 0
    patience: int = PATIENCE
    undone: bool = False

    def judge(self, *, high: bool, low: bool, room: bool) -> tuple[Move, "Remedy"]:
        """What is to be done in this round, and how things stand after it.

        Args:
            high: The reason is there.
            low: It is clearly gone; between the two nothing is done.
            room: One more step is possible.
        """
        if high:
            return self._pressed(room=room)
        if not low:
            return "hold", replace(self, calm=0)
        return self._calm()

    def _pressed(self, *, room: bool) -> tuple[Move, "Remedy"]:
        if not room:
            return "hold", replace(self, calm=0)
        patience = min(2 * self.patience, LONGEST_PATIENCE) if self.undone else self.patience
        return "apply", Remedy(depth=self.depth + 1, patience=patience)

    def _calm(self) -> tuple[Move, "Remedy"]:
        calm = self.calm + 1
        if self.depth and calm >= self.patience:
            return "undo", replace(self, depth=self.depth - 1, calm=0, undone=True)
        if not self.depth and calm >= LONGEST_PATIENCE:
            return "hold", Remedy(calm=LONGEST_PATIENCE)
        return "hold", replace(self, calm=calm)
