"""The outbox as a table that all replicas share, in PostgreSQL."""

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table, UniqueConstraint, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bullpen.errors import Misconfigured
from bullpen.outbox.depot import Hand
from bullpen.outbox.ports import Fact
from bullpen.stores import metadata, sql_errors

__all__ = ["OUTBOX", "OutboxTable"]

OUTBOX: Final = Table(
    "outbox",
    metadata,
    # SQLite has the table only because the schema is one for all; there it counts by this type alone.
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False),
    Column("topic", String(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("id"),
)

_LOCK: Final = 0x6F7574626F78  # "outbox": the advisory lock of whoever delivers
_COUNTED: Final = 100_000  # more rows than this are not counted: a scan of all takes longer the worse things are
_INSERT: Final = text(
    "INSERT INTO outbox (id, topic, body) "
    "SELECT id, topic, body FROM unnest(CAST(:ids AS text[]), CAST(:topics AS text[]), CAST(:bodies AS bytea[])) "
    "WITH ORDINALITY AS given (id, topic, body, place) ORDER BY place ON CONFLICT (id) DO NOTHING"
)
_TRY_LOCK: Final = text("SELECT pg_try_advisory_xact_lock(:lock)")
_TAKE: Final = text(
    "SELECT seq, id, topic, body FROM outbox WHERE topic = ANY(CAST(:topics AS text[])) ORDER BY seq LIMIT :most"
)
_FORGET: Final = text("DELETE FROM outbox WHERE seq = ANY(CAST(:seqs AS bigint[]))")
_COUNT: Final = text("SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT :most) AS counted")
_NEWEST: Final = text("SELECT coalesce(max(seq), 0) FROM outbox WHERE topic = ANY(CAST(:topics AS text[]))")
_LEFT: Final = text("SELECT EXISTS (SELECT 1 FROM outbox WHERE seq <= :seq AND topic = ANY(CAST(:topics AS text[])))")


class OutboxTable:
    """Implements `Table` in the table `outbox`. The database must have been migrated.

    Attributes:
        rows: See `Table.rows`.
    """

    def __init__(self, engine: AsyncEngine, *, topics: Collection[str]) -> None:
        """Connects when it is first asked.

        Args:
            engine: Of a PostgreSQL. Three of its connections are used at once; it is its opener's to dispose of.
            topics: The ones that are delivered; facts of others stay for those who know them.

        Raises:
            Misconfigured: It is another database.
        """
        if engine.dialect.name != "postgresql":
            raise Misconfigured("AUDIT__DURABILITY: `shared` needs a PostgreSQL DATABASE_URL. Set `process` or `disk`.")
        self._engine = engine
        # One statement is one transaction, and BEGIN and COMMIT would be two more round trips.
        self._single = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._topics = list(topics)
        self.rows = 0

    async def insert(self, facts: Sequence[Fact]) -> None:
        """See `Table.insert`."""
        columns = {
            "ids": [fact.id for fact in facts],
            "topics": [fact.topic for fact in facts],
            "bodies": [fact.body for fact in facts],
        }
        with sql_errors():
            async with self._single.connect() as connection:
                await connection.execute(_INSERT, columns)

    async def deliver(self, hand: Hand, *, most: int = 500) -> int:
        """See `Table.deliver`.

        The lock ends with the transaction, and so with the connection: a replica that is cut off cannot keep it. What
        it was giving away is then given away again, by whoever is next.
        """
        with sql_errors():
            async with self._engine.begin() as connection:
                if not await connection.scalar(_TRY_LOCK, {"lock": _LOCK}):
                    self.rows = 0  # the replica that delivers counts them
                    return 0
                taken = await connection.execute(_TAKE, {"topics": self._topics, "most": most})
                rows = taken.all()
                full = len(rows) == most
                self.rows = (await connection.scalar(_COUNT, {"most": _COUNTED}) or 0) if full else len(rows)
                if not rows:
                    return 0
                await hand([Fact(row.id, row.topic, row.body) for row in rows])
                await connection.execute(_FORGET, {"seqs": [row.seq for row in rows]})
        self.rows = max(0, self.rows - len(rows))
        return len(rows)

    async def newest(self) -> int:
        """See `Table.newest`."""
        with sql_errors():
            async with self._single.connect() as connection:
                return int(await connection.scalar(_NEWEST, {"topics": self._topics}) or 0)

    async def delivered(self, mark: int) -> bool:
        """See `Table.delivered`."""
        with sql_errors():
            async with self._single.connect() as connection:
                return not await connection.scalar(_LEFT, {"seq": mark, "topics": self._topics})
