"""Whatever is done to a chain is found, and the first row it was done to is named."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bullpen.security.audit.chain import GENESIS, Entry, Head, digest, entry
from bullpen.security.audit.notary import Checkpoint, Notary
from bullpen.security.audit.walk import Fault, Walk
from tests.stubs.trail import NOTARY

LONGEST = 12
LENGTH = st.integers(2, LONGEST)
FORGED = Notary("somebody else's secret")
FIELDS = ("previous", "id", "at", "type", "outcome", "credential", "request_id", "route", "details", "actor", "subject")


@dataclass(frozen=True)
class Chain:
    """What the tables hold of one chain."""

    rows: Sequence[Entry]
    head: Head
    start: Checkpoint | None = None
    checkpoints: Sequence[Checkpoint] = field(default=())

    def first_fault(self) -> Fault | None:
        """What a verification says."""
        walk = Walk(NOTARY, start=self.start)
        signed = {each.number: each for each in self.checkpoints}
        fault = walk.begin()
        for row in sorted(self.rows, key=lambda row: row.number):
            fault = fault or walk.take(row, signed.get(row.number))
        fault = fault or walk.finish(self.head)
        known = {row.hash for row in self.rows}
        return fault.explained(found=fault.follows in known) if fault and fault.follows else fault


def sealed(number: int, rows: Sequence[Entry], *, notary: Notary = NOTARY, kind: Any = "tail") -> Checkpoint:
    hashed = next(row.hash for row in rows if row.number == number)
    return notary.sign("acme", number, hashed, at=1.0, kind=kind)


def grown(length: int, *, after: int = 0, previous: str = GENESIS) -> list[Entry]:
    rows: list[Entry] = []
    for number in range(after + 1, after + length + 1):
        before = rows[-1].hash if rows else previous
        content = (f"e{number}", float(number), "t", "success", "jwt", "r", "/", f'{{"n":{number}}}', "", "")
        rows.append(entry("acme", number, before, *content))
    return rows


def honest(length: int) -> Chain:
    rows = grown(length)
    return Chain(rows, Head(length, rows[-1].hash))


def renumbered(rows: Sequence[Entry]) -> list[Entry]:
    return [row._replace(number=number) for number, row in enumerate(rows, 1)]


def rehashed(row: Entry) -> Entry:
    return row._replace(hash=digest(row))


@given(LENGTH, st.data())
def test_an_honest_chain_is_whole(length: int, data: st.DataObject) -> None:
    """Wherever it was signed, and wherever it was pruned."""
    chain = honest(length)
    signed = data.draw(st.lists(st.integers(1, length), unique=True))
    pruned = data.draw(st.integers(0, length))
    start = sealed(pruned, chain.rows, kind="stub") if pruned else None
    kept = replace(
        chain, rows=chain.rows[pruned:], start=start, checkpoints=[sealed(each, chain.rows) for each in signed]
    )
    assert kept.first_fault() is None


@given(LENGTH, st.data())
def test_a_changed_field_is_found(length: int, data: st.DataObject) -> None:
    """Any field of any row, the last one too."""
    chain, at = honest(length), data.draw(st.integers(0, length - 1))
    name = data.draw(st.sampled_from(FIELDS))
    rows, changed = [*chain.rows], dict[str, Any]({name: 99.0 if name == "at" else "changed"})
    rows[at] = rows[at]._replace(**changed)
    assert replace(chain, rows=rows).first_fault() == Fault(at + 1, at + 1, "changed")


@given(LENGTH, st.data())
def test_a_change_with_a_new_hash_is_found(length: int, data: st.DataObject) -> None:
    """The next row, or the head, tells what the hash was."""
    chain, at = honest(length), data.draw(st.integers(0, length - 1))
    rows = [*chain.rows]
    rows[at] = rehashed(rows[at]._replace(outcome="denied"))
    assert replace(chain, rows=rows).first_fault() == Fault(at + 1, at + 1, "changed")


@given(LENGTH, st.data())
def test_a_link_to_elsewhere_is_found(length: int, data: st.DataObject) -> None:
    """A row that is whole in itself and follows another row is the one that is wrong."""
    chain, at = honest(length), data.draw(st.integers(0, length - 1))
    rows = [*chain.rows]
    rows[at] = rehashed(rows[at]._replace(previous="f" * 64))
    assert replace(chain, rows=rows).first_fault() == Fault(at + 1, at + 1, "changed")


@given(LENGTH, st.data())
def test_removed_rows_are_found(length: int, data: st.DataObject) -> None:
    """In the middle, at the front and at the end; the first and the last that are missing are named."""
    chain, first = honest(length), data.draw(st.integers(1, length))
    last = data.draw(st.integers(first, length))
    rows = [row for row in chain.rows if not first <= row.number <= last]
    assert replace(chain, rows=rows).first_fault() == Fault(first, last, "removed")


@given(LENGTH, st.data())
def test_a_removed_row_is_found_when_the_rest_was_renumbered(length: int, data: st.DataObject) -> None:
    """Closing the gap does not hide it."""
    chain, at = honest(length), data.draw(st.integers(0, length - 2))
    rows = renumbered([*chain.rows[:at], *chain.rows[at + 1 :]])
    assert replace(chain, rows=rows).first_fault() == Fault(at + 1, at + 1, "removed")


@given(LENGTH, st.data())
def test_a_tail_removed_below_a_checkpoint_is_found(length: int, data: st.DataObject) -> None:
    """Who removes the end of the chain and moves the head back cannot move the checkpoint."""
    chain, left = honest(length), data.draw(st.integers(0, length - 1))
    signed = sealed(length, chain.rows)
    rows = chain.rows[:left]
    # What the verification does with a checkpoint beyond the head: it is where the chain must end.
    cut = Chain(rows, Head(signed.number, signed.hash), checkpoints=[signed])
    assert cut.first_fault() == Fault(left + 1, length, "removed")


@given(LENGTH, st.data())
def test_two_rows_that_changed_places_are_found(length: int, data: st.DataObject) -> None:
    """The first of the two places is named."""
    chain = honest(length)
    one, other = sorted(data.draw(st.lists(st.integers(0, length - 1), min_size=2, max_size=2, unique=True)))
    rows = [*chain.rows]
    rows[one], rows[other] = rows[other], rows[one]
    assert replace(chain, rows=renumbered(rows)).first_fault() == Fault(one + 1, one + 1, "reordered")


@given(st.permutations(range(8)))
def test_any_other_order_is_found(order: list[int]) -> None:
    """The first row that is not in its place is named."""
    assume(order != sorted(order))
    chain = honest(8)
    first = next(at for at, was in enumerate(order) if at != was) + 1
    fault = replace(chain, rows=renumbered([chain.rows[each] for each in order])).first_fault()
    assert fault == Fault(first, first, "reordered")


@given(LENGTH, st.data())
def test_an_inserted_row_is_found(length: int, data: st.DataObject) -> None:
    """A row made to fit between two others is named, for the next one says what it follows."""
    chain, at = honest(length), data.draw(st.integers(0, length))
    before = chain.rows[at - 1].hash if at else GENESIS
    made = entry("acme", at + 1, before, "made up", 0.0, *chain.rows[0][5:-1])
    fault = replace(chain, rows=renumbered([*chain.rows[:at], made, *chain.rows[at:]])).first_fault()
    assert fault == Fault(at + 1, at + 1, "inserted")


@given(LENGTH, st.data())
def test_a_rewritten_chain_is_found_by_its_checkpoint(length: int, data: st.DataObject) -> None:
    """Who computes every hash anew, the head's too, fails at the signature; no row above it is blamed."""
    chain = honest(length)
    at = data.draw(st.integers(1, length))
    vouched = data.draw(st.integers(0, at - 1))
    signed = data.draw(st.integers(at, length))
    checkpoints = [sealed(each, chain.rows) for each in {vouched, signed} - {0}]
    rows = [*chain.rows]
    for number in range(at, length + 1):
        before = rows[number - 2].hash if number > 1 else GENESIS
        changed: dict[str, Any] = {"outcome": "denied"} if number == at else {}
        rows[number - 1] = rehashed(rows[number - 1]._replace(previous=before, **changed))
    fault = Chain(rows, Head(length, rows[-1].hash), checkpoints=checkpoints).first_fault()
    assert fault == Fault(vouched + 1, signed, "rewritten")


@given(LENGTH, st.data())
def test_a_false_checkpoint_is_found(length: int, data: st.DataObject) -> None:
    """Also one that fits the rows: it was not this server who signed it."""
    chain, at = honest(length), data.draw(st.integers(1, length))
    forged = [sealed(at, chain.rows, notary=FORGED)]
    assert replace(chain, checkpoints=forged).first_fault() == Fault(at, at, "checkpoint_false")


@given(LENGTH, st.data())
def test_a_false_stub_is_found(length: int, data: st.DataObject) -> None:
    """Rows cannot be removed in the name of their age; a mark cannot serve as a stub."""
    chain, at = honest(length), data.draw(st.integers(1, length))
    for stub in (
        sealed(at, chain.rows, notary=FORGED, kind="stub"),
        sealed(at, chain.rows, kind="mark")._replace(kind="stub"),
    ):
        assert replace(chain, rows=chain.rows[at:], start=stub).first_fault() == Fault(at, at, "checkpoint_false")


@pytest.mark.parametrize("there", [True, False])
def test_a_checkpoint_that_must_be_there_is_missed(there: bool) -> None:
    """After each thousandth row there is one, so that removing them does not go unnoticed."""
    start = NOTARY.sign("acme", 997, GENESIS, at=1.0, kind="stub")
    rows = grown(5, after=997)
    checkpoints = [sealed(1000, rows, kind="mark")] if there else []
    fault = Chain(rows, Head(1002, rows[-1].hash), start, checkpoints).first_fault()
    assert fault == (None if there else Fault(1000, 1000, "checkpoint_false"))


def test_rows_beyond_the_head_are_found() -> None:
    """The head was moved back, or rows were added behind its back."""
    chain = honest(6)
    assert replace(chain, head=Head(4, chain.rows[3].hash)).first_fault() == Fault(5, 6, "inserted")
