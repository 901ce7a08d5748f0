"""Whom lanes are for."""

from bullpen.pool.tenants import Tenants


def tenants(*, share: float = 1.0, lanes: int = 10) -> Tenants:
    return Tenants(weights={"acme": 3.0}, share=share, lanes=lanes)


def test_weights_are_one_unless_said() -> None:
    """Of those who are named in the settings, and of everybody else."""
    assert [tenants().find(name).weight for name in ("acme", "globex")] == [3.0, 1.0]


def test_who_only_asks_is_not_kept() -> None:
    """A stranger who is refused leaves nothing behind."""
    known = tenants()
    assert known.find("globex") is not known.find("globex")
    assert len(known) == 0


def test_who_waits_or_holds_a_lane_is_known() -> None:
    """And is the same one until neither is so."""
    known = tenants()
    found = known.find("globex")
    known.wait(found, 1)
    known.hold(found, 1)
    known.wait(found, -1)
    assert known.find("globex") is found
    assert (len(known), known.waiting) == (1, 0)
    known.hold(found, -1)
    assert len(known) == 0


def test_who_has_just_gone_is_remembered_and_not_for_ever() -> None:
    """Its turns count when it comes back at once; after a thousand others they are forgotten."""
    known = tenants()
    first = known.find("first")
    for found in (first, *(known.find(str(number)) for number in range(1000))):
        assert found is first or known.find("first") is first
        known.hold(found, 1)
        known.hold(found, -1)
    assert known.find("first") is not first


def test_what_became_of_its_runs_is_remembered_by_type() -> None:
    """As long as the tenant is."""
    known = tenants()
    found = known.find("globex")
    found.odds("a").learn(0.0, held=1.0, had=1.0, cut=True)
    assert found.odds("a").turn_away(0.0, has=1.0, median=0.0)
    assert not found.odds("b").turn_away(0.0, has=1.0, median=0.0)


def test_waiting_counts_tenants_and_not_tickets() -> None:
    """Two tickets of one tenant are one."""
    known = tenants()
    for name in ("a", "a", "b"):
        known.wait(known.find(name), 1)
    assert known.waiting == 2


def test_a_share_is_a_part_of_the_lanes() -> None:
    """With half of ten, the fifth lane is the last that is the tenant's own; giving it back says so."""
    known = tenants(share=0.5)
    found = known.find("acme")
    for held in range(1, 7):
        known.hold(found, 1)
        assert found.is_over is (held >= 5)
    assert [known.hold(found, -1) for _ in range(3)] == [False, True, False]


def test_a_share_is_never_less_than_a_lane() -> None:
    """Or nobody could work."""
    known = tenants(share=0.01)
    assert known.find("acme").is_over is False


def test_a_whole_share_is_no_bound() -> None:
    """The default."""
    known = tenants()
    found = known.find("acme")
    for _ in range(20):
        known.hold(found, 1)
    assert not found.is_over


def test_more_lanes_make_larger_shares() -> None:
    """Whoever comes under its share by that is told of."""
    known = tenants(share=0.5)
    found = known.find("acme")
    for _ in range(5):
        known.hold(found, 1)
    assert known.resize(20) == [found]
    assert known.resize(4) == []
    assert found.is_over
