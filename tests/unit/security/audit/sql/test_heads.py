"""The ends of the chains."""

from pathlib import Path

from sqlalchemy import select

from bullpen.security.audit.chain import GENESIS
from bullpen.security.audit.notary import Checkpoint, CheckpointKind, Notary
from bullpen.security.audit.sql.heads import Tail, found, keep, locked, move, passed, renew
from bullpen.security.audit.sql.tables import CHECKPOINTS
from tests.stubs.trail import NOTARY, trail_tables


async def test_a_chain_begins_once(tmp_path: Path) -> None:
    """Beginning it again moves nothing; who has none is not among the heads."""
    async with trail_tables(tmp_path) as engine, engine.begin() as connection:
        await found(connection, ["zeta", "acme"])
        await move(connection, [Tail("acme", 7, "a" * 64, 5, 1.5)])
        await found(connection, ["acme", "new"])
        assert await locked(connection, ["acme", "zeta", "nobody"]) == {
            "acme": Tail("acme", 7, "a" * 64, 5, 1.5),
            "zeta": Tail("zeta", 0, GENESIS, 0, 0.0),
        }


async def test_a_newer_checkpoint_takes_the_place_of_a_tail(tmp_path: Path) -> None:
    """Marks and stubs stay, and so do other chains' tails."""
    made: list[tuple[str, int, CheckpointKind]] = [
        ("acme", 900, "tail"),
        ("acme", 500, "stub"),
        ("acme", 1000, "mark"),
        ("zeta", 3, "tail"),
    ]
    async with trail_tables(tmp_path) as engine, engine.begin() as connection:
        made.append(("acme", 1001, "tail"))
        for tenant, number, kind in made:
            await keep(connection, [NOTARY.sign(tenant, number, GENESIS, at=1.0, kind=kind)])
        await keep(connection, [])
        left = await connection.execute(select(CHECKPOINTS.c.tenant, CHECKPOINTS.c.number, CHECKPOINTS.c.kind))
        assert {tuple(row) for row in left} == set(made[1:])


async def test_what_an_older_secret_signed_is_signed_again(tmp_path: Path) -> None:
    """Once, and only what is genuine; everything but the signature stays."""
    old = NOTARY.sign("acme", 5, GENESIS, at=1.5, kind="mark")
    forged = NOTARY.sign("zeta", 5, GENESIS, at=1.5, kind="mark")._replace(hash="f" * 64)
    renewed = Notary("another secret", previous=["the secret of these tests, 32 bytes"])
    async with trail_tables(tmp_path) as engine, engine.begin() as connection:
        await keep(connection, [old, forged])
        assert [await renew(connection, NOTARY), await renew(connection, renewed)] == [0, 1]
        assert await renew(connection, renewed) == 0
        left = await connection.execute(select(CHECKPOINTS).order_by(CHECKPOINTS.c.tenant))
        assert [Checkpoint(*row) for row in left] == [renewed.sign("acme", 5, GENESIS, at=1.5, kind="mark"), forged]


async def test_a_stub_is_checkpoint_enough(tmp_path: Path) -> None:
    """Signing the row that everything was pruned up to leaves the stub, and what the chain begins after."""
    stub = NOTARY.sign("acme", 7, GENESIS, at=1.0, kind="stub")
    async with trail_tables(tmp_path) as engine, engine.begin() as connection:
        await keep(connection, [stub])
        await keep(connection, [NOTARY.sign("acme", 7, GENESIS, at=2.0, kind="tail")])
        assert [Checkpoint(*row) for row in await connection.execute(select(CHECKPOINTS))] == [stub]


async def test_ends_are_passed_only_when_something_stands_beyond(tmp_path: Path) -> None:
    """The number moves to the furthest there is, the hash does not; a chain with nothing beyond stays."""
    async with trail_tables(tmp_path) as engine, engine.begin() as connection:
        await keep(connection, [NOTARY.sign("acme", 9, GENESIS, at=1.0, kind="tail")])
        acme, zeta = Tail("acme", 7, "a" * 64, 0, 0.0), Tail("zeta", 7, "b" * 64, 0, 0.0)
        assert await passed(connection, [acme, zeta]) == [Tail("acme", 9, "a" * 64, 0, 0.0)]
        assert zeta.number == 7
