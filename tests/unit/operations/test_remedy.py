"""Steps that are taken and undone without swinging."""

from hypothesis import given
from hypothesis import strategies as st

from bullpen.operations.remedy import LONGEST_PATIENCE, PATIENCE, Move, Remedy


def run(remedy: Remedy, weather: str) -> tuple[list[Move], Remedy]:
    """Rounds in which the reason is there (`h`), clearly gone (`l`), or neither (`-`)."""
    moves: list[Move] = []
    for each in weather:
        move, remedy = remedy.judge(high=each == "h", low=each == "l", room=remedy.depth < 3)
        moves.append(move)
    return moves, remedy


def test_a_step_a_round_while_the_reason_is_there() -> None:
    """Until there is no room for another."""
    moves, remedy = run(Remedy(), "hhhhh")
    assert moves == ["apply"] * 3 + ["hold"] * 2
    assert remedy.depth == 3


def test_undone_step_by_step_when_it_is_gone() -> None:
    """Each after as many calm rounds as patience asks for."""
    moves, remedy = run(Remedy(), "hh" + "l" * 2 * PATIENCE)
    assert moves[2:] == (["hold"] * (PATIENCE - 1) + ["undo"]) * 2
    assert remedy.depth == 0


def test_neither_here_nor_gone_is_not_calm() -> None:
    """Between the thresholds nothing is done, and calm begins anew."""
    moves, _ = run(Remedy(), "h" + ("l" * (PATIENCE - 1) + "-") * 5)
    assert moves[1:] == ["hold"] * len(moves[1:])


def test_what_has_to_be_done_again_is_undone_later() -> None:
    """Patience doubles with each relapse, to a bound."""
    remedy, patience = run(Remedy(), "h")[1], []
    for _ in range(5):
        _, remedy = run(remedy, "l" * remedy.patience + "h")
        patience.append(remedy.patience)
    assert patience == [2 * PATIENCE, 4 * PATIENCE, LONGEST_PATIENCE, LONGEST_PATIENCE, LONGEST_PATIENCE]


def test_a_long_calm_makes_patience_short_again() -> None:
    """What happened long ago does not count."""
    _, relapsed = run(Remedy(), "h" + "l" * PATIENCE + "h")
    assert relapsed.patience == 2 * PATIENCE
    _, forgiven = run(relapsed, "l" * (relapsed.patience + LONGEST_PATIENCE))
    assert forgiven.patience == PATIENCE
    assert run(forgiven, "h")[1].patience == PATIENCE


@given(weather=st.text("hl-", max_size=300))
def test_depth_is_what_was_applied_and_not_undone(weather: str) -> None:
    """Never below 0 nor above the room there is; patience stays within its bounds."""
    moves, remedy = run(Remedy(), weather)
    assert remedy.depth == moves.count("apply") - moves.count("undo")
    assert 0 <= remedy.depth <= 3
    assert PATIENCE <= remedy.patience <= LONGEST_PATIENCE


@given(weather=st.text("hl-", max_size=100))
def test_all_is_undone_in_the_end(weather: str) -> None:
    """When the reason stays away, nothing is left of the remedy after a bounded time."""
    _, remedy = run(Remedy(), weather)
    _, remedy = run(remedy, "l" * 3 * LONGEST_PATIENCE)
    assert remedy.depth == 0


@given(period=st.integers(1, PATIENCE))
def test_a_load_that_swings_is_not_followed(period: int) -> None:
    """A reason that comes and goes faster than patience is held against, not swung with: nothing is undone."""
    moves, _ = run(Remedy(), ("h" + "l" * (period - 1)) * 50)
    assert "undo" not in moves
