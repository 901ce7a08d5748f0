"""The walk along a chain that finds the first row that is not as it was."""

from typing import Final, Literal, NamedTuple, TypeAlias

from bullpen.security.audit.chain import CHECKPOINT_EVERY, GENESIS, Entry, Head, digest, place_of
from bullpen.security.audit.notary import Checkpoint, Notary

__all__ = ["Fault", "FaultKind", "Walk"]

FaultKind: TypeAlias = Literal[
    "changed", "removed", "reordered", "inserted", "rewritten", "values_changed", "checkpoint_false", "head_moved"
]

_SAID: Final[dict[FaultKind, str]] = {
    "changed": "is not as it was written",
    "removed": "was removed",
    "reordered": "stands in the place of another",
    "inserted": "was inserted",
    "rewritten": "was rewritten together with the hashes after it, or a row was removed and the rest renumbered",
    "values_changed": "has personal values that are not the ones it was written with",
    "checkpoint_false": "should have a checkpoint, and it is missing, false, or signed with a secret not known here",
}


class Fault(NamedTuple):
    """The first thing that is wrong with a chain.

    Attributes:
        number: The first row that is wrong.
        through: The last row it may be, when more is not known; else the same.
        kind: How it is wrong.
        follows: The hash the row here says it follows, when it stands too far in front; else empty.
    """

    number: int
    through: int
    kind: FaultKind
    follows: str = ""

    def explained(self, *, found: bool) -> "Fault":
        """The fault of a row that stands too far in front: was what it follows moved (`found`), or removed?"""
        if found:
            return Fault(self.number, self.number, "reordered")
        return Fault(self.number, self.through, "removed")

    def __str__(self) -> str:
        among = f"row {self.number}" if self.number == self.through else f"one of rows {self.number} to {self.through}"
        if self.kind == "removed" and self.number < self.through:
            among = f"each of rows {self.number} to {self.through}"
        return f"{among} {_SAID[self.kind]}"


class Walk:
    """Takes the rows of one chain in the order of their numbers, and stops at the first that is wrong.

    A row that does not follow the one before it, and is whole in itself, is held until the next one is seen: if that
    follows the held row, the one before it was replaced; if not, the held row was.

    Attributes:
        number: The last row taken.
        hash: Its hash.
        signed: The last row below a genuine checkpoint.
    """

    def __init__(self, notary: Notary, *, start: Checkpoint | None = None) -> None:
        """Begins after `start`, a stub; at row 1 without."""
        self._notary = notary
        self._start = start
        self._held: Entry | None = None
        self.number = start.number if start else 0
        self.hash = start.hash if start else GENESIS
        self.signed = self.number

    def begin(self) -> Fault | None:
        """Looks at where the walk begins."""
        if self._start is None or self._notary.genuine(self._start):
            return None
        return _one(self._start.number, "checkpoint_false")

    def take(self, row: Entry, checkpoint: Checkpoint | None = None) -> Fault | None:
        """The next row, and the checkpoint of its number if there is one."""
        if self._held is not None:
            return self._judged(row.previous)
        expected = self.number + 1
        if row.number != expected:
            return Fault(expected, max(expected, row.number - 1), "removed")
        if digest(row) != row.hash:
            return self._displaced(row)
        if row.previous != self.hash:
            self._held = row
            return None
        self.number, self.hash = row.number, row.hash
        return self._compared(checkpoint)

    def finish(self, head: Head) -> Fault | None:
        """The end: nothing may be missing up to the head."""
        if self._held is not None:
            return self._judged(head.hash)
        if self.number < head.number:
            return Fault(self.number + 1, head.number, "removed")
        return None if self.hash == head.hash else self._last_is_not(head)

    def _last_is_not(self, head: Head) -> Fault:
        if self.number > head.number:
            return Fault(head.number + 1, self.number, "inserted")
        return _one(max(1, self.number), "changed")

    def _judged(self, follows: str) -> Fault:
        held, self._held = self._held, None
        number = held.number if held else self.number
        replaced = held is not None and held.hash == follows and number - 1 > self.signed
        return _one(number - 1 if replaced else number, "changed")

    def _displaced(self, row: Entry) -> Fault:
        place = place_of(row)
        if place is None:
            return _one(row.number, "changed")
        if place < row.number:
            return _one(max(place, self.signed + 1), "inserted")
        return Fault(row.number, place - 1, "reordered", follows=row.previous)

    def _compared(self, checkpoint: Checkpoint | None) -> Fault | None:
        if checkpoint is None:
            missing = self.number % CHECKPOINT_EVERY == 0
            return _one(self.number, "checkpoint_false") if missing else None
        if not self._notary.genuine(checkpoint):
            return _one(self.number, "checkpoint_false")
        if checkpoint.hash != self.hash:
            return Fault(self.signed + 1, self.number, "rewritten")
        self.signed = self.number
        return None


def _one(number: int, kind: FaultKind) -> Fault:
    return Fault(number, number, kind)
