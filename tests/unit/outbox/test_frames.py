"""Frames: whatever happens to the end of a file, what was whole before is read, and nothing else."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.outbox import Fact
from bullpen.outbox.frames import LARGEST, MARK, check, encode, scan
from tests.stubs.outbox import fact, facts

names = st.text("abcXYZ019_-", min_size=1, max_size=64)
groups = st.lists(
    st.lists(st.builds(Fact, names, names.map(lambda name: name[:32]), st.binary()), min_size=1), max_size=6
)


def whole(data: bytes) -> list[Fact]:
    return scan(data, most=10**6, final=True).facts


def starts(groups: Sequence[Sequence[Fact]]) -> list[int]:
    """Where each frame begins, and where the last one ends."""
    return [sum(len(encode(each)) for each in groups[:number]) for number in range(len(groups) + 1)]


@given(groups)
def test_what_is_written_is_read(groups: list[list[Fact]]) -> None:
    """Every fact comes back as it was, in order, and all bytes are dealt with."""
    data = b"".join(map(encode, groups))
    found = scan(data, most=10**6, final=True)
    assert found == ([each for group in groups for each in group], len(data), [], 0)


@given(groups, st.data())
def test_any_truncation_yields_a_prefix_of_whole_groups(groups: list[list[Fact]], draw: st.DataObject) -> None:
    """A torn end loses the group it belongs to, and no other; the rest is told as torn."""
    data = b"".join(map(encode, groups))
    cut = draw.draw(st.integers(0, len(data)))
    kept = max(number for number, start in enumerate(starts(groups)) if start <= cut)
    found = scan(data[:cut], most=10**6, final=True)
    assert found.facts == [each for group in groups[:kept] for each in group]
    assert found.end == cut
    assert found.torn == cut - starts(groups)[kept]


@given(groups.filter(bool), st.data())
def test_damage_loses_the_group_it_meets_and_no_other(groups: list[list[Fact]], draw: st.DataObject) -> None:
    """One byte that changed is found, named by its place, and reading goes on after it."""
    data = bytearray(b"".join(map(encode, groups)))
    at = draw.draw(st.integers(0, len(data) - 1))
    data[at] ^= draw.draw(st.integers(1, 255))
    begin = starts(groups)
    hurt = max(number for number, start in enumerate(begin[:-1]) if start <= at)
    found = scan(bytes(data), most=10**6, final=True)
    assert found.facts == [each for number, group in enumerate(groups) if number != hurt for each in group]
    if hurt < len(groups) - 1:
        assert found.damaged == [(begin[hurt], begin[hurt + 1])]
    else:
        assert found.torn == begin[-1] - begin[-2]


@given(st.binary(max_size=300))
def test_noise_is_no_fact(noise: bytes) -> None:
    """Bytes that nobody wrote yield nothing, and the frame after them is read."""
    assert whole(noise) == []
    assert whole(noise + encode(facts("a"))) == facts("a")


@given(groups.filter(bool), st.integers(1, 9))
def test_a_scan_stops_before_it_has_too_many(groups: list[list[Fact]], most: int) -> None:
    """One frame is read whatever it has; another is added only if it fits. Scans in a row read everything."""
    data = b"".join(map(encode, groups))
    at, read = 0, list[Fact]()
    while at < len(data):
        found = scan(data[at:], most=most, final=True)
        assert len(found.facts) <= max(most, *map(len, groups))
        read += found.facts
        at += found.end
    assert read == [each for group in groups for each in group]


def test_before_the_end_nothing_is_called_damage() -> None:
    """Bytes that are not all there yet are left for the next look."""
    data = encode(facts("a")) + encode(facts("b"))
    assert scan(data[:-1], most=10, final=False) == (facts("a"), len(encode(facts("a"))), [], 0)


def test_a_forged_frame_in_a_body_is_not_read_after_damage() -> None:
    """A body is UTF-8 and cannot have the mark, so nobody can smuggle a fact in by what they send."""
    with pytest.raises(UnicodeDecodeError):
        MARK.decode()
    forged = encode(facts("forged"))
    data = bytearray(encode([Fact("a", "audit", forged.decode("utf-8", "replace").encode())]))
    data[10] ^= 1
    assert whole(bytes(data)) == []


def test_a_frame_has_a_bound() -> None:
    """More than 16 MiB in one append is a mistake of the caller's."""
    with pytest.raises(ValueError, match="too many for one append"):
        encode([fact(f"n{number}", size=65_536) for number in range(LARGEST // 65_536)])


@pytest.mark.parametrize("name", ["", "a b", "ä", "a" * 65, "a\n"])
def test_an_id_has_its_form(name: str) -> None:
    """Letters, digits, dashes and underscores, 64 at most; the error does not repeat the body."""
    with pytest.raises(ValueError, match="cannot be kept") as caught:
        check([Fact(name, "audit", b"hunter2")])
    assert "hunter2" not in str(caught.value)
