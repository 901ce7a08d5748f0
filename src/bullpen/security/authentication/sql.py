"""API keys and sessions in SQLite or Postgres, shared by every process on the same database."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any, Final

import structlog
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Double,
    LargeBinary,
    Row,
    String,
    Table,
    Text,
    cast,
    delete,
    func,
    select,
    text,
    type_coerce,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.types import NullType

from bullpen.security.authentication.ports import KeyRecord, RefreshRecord, Revocation
from bullpen.security.authentication.rows import read_key
from bullpen.stores import metadata, sql_errors
from bullpen.stores.sql import IMMEDIATE

__all__ = ["API_KEYS", "COUNTERS", "REFRESH_TOKENS", "TOKEN_FAMILIES", "SqlKeyStore", "SqlSessionStore"]

API_KEYS: Final = Table(
    "api_keys",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("name", String(128), nullable=False),
    Column("user_id", String(128), nullable=False),
    Column("tenant", String(64), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("permissions", JSON, nullable=False),
    Column("attributes", JSON, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("revoked_at", Double),
    Column("pepper", String(8), nullable=False, server_default=text("''")),
    Column("created_by", String(256), nullable=False, server_default=text("''")),
    Column("last_used_at", Double),
    Column("replaced_by", String(12), nullable=False, server_default=text("''")),
    Column("revision", BigInteger, nullable=False, server_default="0"),
)
TOKEN_FAMILIES: Final = Table(
    "token_families",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("key_id", String(12), nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
    Column("revocation", BigInteger, index=True),
    Column("revoked_at", Double),
)
REFRESH_TOKENS: Final = Table(
    "refresh_tokens",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("family", String(32), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("pepper", String(8), nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
    Column("spent_at", Double),
)
COUNTERS: Final = Table(
    "identity_counters",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

_BATCH: Final = 500
# As the driver has it, and JSON as text: a value that cannot be read must spoil its own row and not the whole answer.
_RAW: Final = select(
    *((cast(c, Text) if isinstance(c.type, JSON) else type_coerce(c, NullType())).label(c.name) for c in API_KEYS.c)
).order_by(API_KEYS.c.id)

_log = structlog.get_logger("bullpen.authentication")


class _SqlStore:
    def __init__(self, engine: AsyncEngine) -> None:
        """The engine stays its opener's to dispose of. The database must have been migrated."""
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        with sql_errors():
            async with self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        with sql_errors():
            async with self._engine.execution_options(**IMMEDIATE).begin() as connection:
                yield connection


class SqlKeyStore(_SqlStore):
    """A `KeyStore` in the table `api_keys`. Whoever changes a row by hand adds 1 to its `revision`."""

    unreadable = 0

    async def add(self, record: KeyRecord) -> bool:
        """See `KeyStore.add`."""
        async with self._writing() as connection:
            return await self._added(connection, record)

    async def revoke(self, key_id: str, *, at: float) -> bool:
        """See `KeyStore.revoke`."""
        keys = API_KEYS.c
        first = func.coalesce(keys.revoked_at, at)
        async with self._writing() as connection:
            return await _changed(connection, _revised().where(keys.id == key_id).values(revoked_at=first))

    async def replace(self, key_id: str, heir: KeyRecord, *, ends_at: float) -> bool:
        """See `KeyStore.replace`."""
        keys = API_KEYS.c
        live = (keys.id == key_id) & keys.revoked_at.is_(None) & (keys.replaced_by == "")
        async with self._writing() as connection:
            found = (await connection.execute(select(keys.expires_at).where(live).with_for_update())).first()
            if found is None or not await self._added(connection, heir):
                return False
            sooner = ends_at if found.expires_at is None else min(found.expires_at, ends_at)
            await connection.execute(_revised().where(live).values(expires_at=sooner, replaced_by=heir.id))
        return True

    async def redigest(self, key_id: str, *, old: bytes, new: bytes, pepper: str) -> bool:
        """See `KeyStore.redigest`."""
        same = (API_KEYS.c.id == key_id) & (API_KEYS.c.digest == old)
        async with self._writing() as connection:
            return await _changed(connection, _revised().where(same).values(digest=new, pepper=pepper))

    async def touch(self, used: Mapping[str, float]) -> None:
        """See `KeyStore.touch`. In order of the ids, so that two replicas do not wait for one another in a circle."""
        rows = sorted(used.items())
        for start in range(0, len(rows), _BATCH):
            async with self._writing() as connection:
                for key_id, at in rows[start : start + _BATCH]:
                    earlier = func.coalesce(API_KEYS.c.last_used_at, 0.0) < at
                    await connection.execute(
                        update(API_KEYS).where(API_KEYS.c.id == key_id, earlier).values(last_used_at=at)
                    )

    async def find(self, key_id: str) -> KeyRecord | None:
        """See `KeyStore.find`."""
        async with self._reading() as connection:
            row = (await connection.execute(_RAW.where(API_KEYS.c.id == key_id))).first()
        return None if row is None else read_key(row._asdict())

    async def load(self) -> Sequence[KeyRecord]:
        """See `KeyStore.load`."""
        async with self._reading() as connection:
            rows = (await connection.execute(_RAW)).all()
        read = list[tuple[str, KeyRecord | None]]()
        for start in range(0, len(rows), _BATCH):
            read += [(row.id, read_key(row._asdict())) for row in rows[start : start + _BATCH]]
            await asyncio.sleep(0)  # requests go on between two batches of a house with very many keys
        broken = [key_id for key_id, record in read if record is None]
        if broken and len(broken) != self.unreadable:
            remedy = "Mend or delete these rows of api_keys; their keys are refused until then."
            _log.error("keys_unreadable", count=len(broken), ids=broken[:20], remedy=remedy)
        self.unreadable = len(broken)
        return sorted((record for _, record in read if record is not None), key=lambda record: record.id)

    async def version(self) -> tuple[int, ...]:
        """See `KeyStore.version`. A row's revision only grows, and so does the sum."""
        async with self._reading() as connection:
            counted = select(func.count(), func.coalesce(func.sum(API_KEYS.c.revision), 0))
            count, revisions = (await connection.execute(counted.select_from(API_KEYS))).one()
        return int(count), int(revisions)

    async def _added(self, connection: AsyncConnection, record: KeyRecord) -> bool:
        values = asdict(record) | {"roles": sorted(record.roles), "permissions": sorted(record.permissions)}
        statement = self._insert(API_KEYS).values(values).on_conflict_do_nothing(index_elements=["id"])
        return await _changed(connection, statement)


class SqlSessionStore(_SqlStore):
    """A `SessionStore` in the tables `token_families`, `refresh_tokens` and `identity_counters`."""

    async def begin(self, token: RefreshRecord) -> None:
        """See `SessionStore.begin`."""
        family = {"id": token.session, "key_id": token.key_id, "expires_at": token.expires_at}
        async with self._writing() as connection:
            await connection.execute(TOKEN_FAMILIES.insert().values(family))
            await connection.execute(REFRESH_TOKENS.insert().values(_to_row(token)))

    async def find(self, token_id: str) -> RefreshRecord | None:
        """See `SessionStore.find`."""
        joined = REFRESH_TOKENS.join(TOKEN_FAMILIES, REFRESH_TOKENS.c.family == TOKEN_FAMILIES.c.id)
        wanted = select(REFRESH_TOKENS, TOKEN_FAMILIES.c.key_id, TOKEN_FAMILIES.c.revocation).select_from(joined)
        async with self._reading() as connection:
            row = (await connection.execute(wanted.where(REFRESH_TOKENS.c.id == token_id))).first()
        return None if row is None else _from_row(row)

    async def exchange(self, token_id: str, heir: RefreshRecord, *, at: float) -> bool:
        """See `SessionStore.exchange`."""
        tokens, families = REFRESH_TOKENS.c, TOKEN_FAMILIES.c
        spend = update(REFRESH_TOKENS).where(tokens.id == token_id, tokens.spent_at.is_(None)).values(spent_at=at)
        live = (families.id == heir.session) & families.revocation.is_(None)
        # The family first, as `revoke` has it, and its row stays locked: nobody revokes it in between.
        prolong = update(TOKEN_FAMILIES).where(live).values(expires_at=heir.expires_at)
        async with self._writing() as connection:
            if not await _changed(connection, prolong) or not await _changed(connection, spend):
                await connection.rollback()
                return False
            await connection.execute(REFRESH_TOKENS.insert().values(_to_row(heir)))
        return True

    async def revoke(self, session: str, *, at: float) -> bool:
        """See `SessionStore.revoke`. The counter's row stays locked, so numbers become visible in their order."""
        families, value = TOKEN_FAMILIES.c, COUNTERS.c.value
        first = self._insert(COUNTERS).values(name="revocations", value=1)
        count = first.on_conflict_do_update(index_elements=["name"], set_={"value": value + 1}).returning(value)
        live = (families.id == session) & families.revocation.is_(None)
        async with self._writing() as connection:
            number = await connection.scalar(count)
            revoked = update(TOKEN_FAMILIES).where(live).values(revocation=number, revoked_at=at)
            return await _changed(connection, revoked)

    async def revocations(self, *, after: int, since: float) -> Sequence[Revocation]:
        """See `SessionStore.revocations`."""
        families = TOKEN_FAMILIES.c
        wanted = select(families.revocation, families.id, families.revoked_at)
        newer = wanted.where(families.revocation > after, families.revoked_at >= since)
        async with self._reading() as connection:
            rows = await connection.execute(newer.order_by(families.revocation))
            return [Revocation(*row) for row in rows]

    async def prune(self, *, before: float, limit: int) -> int:
        """See `SessionStore.prune`."""
        removed = 0
        for table in (REFRESH_TOKENS, TOKEN_FAMILIES):
            expired = select(table.c.id).where(table.c.expires_at < before).limit(limit)
            async with self._writing() as connection:
                done = await connection.execute(delete(table).where(table.c.id.in_(expired)).returning(table.c.id))
                removed += len(done.all())
        return removed


def _revised() -> Any:
    return update(API_KEYS).values(revision=API_KEYS.c.revision + 1)


async def _changed(connection: AsyncConnection, statement: Any) -> bool:
    # Row counts of an INSERT are not told by every driver; returned rows are.
    changed = await connection.execute(statement.returning(statement.table.c.id))
    return changed.first() is not None


def _to_row(token: RefreshRecord) -> dict[str, Any]:
    return {
        "id": token.id,
        "family": token.session,
        "digest": token.digest,
        "pepper": token.pepper,
        "expires_at": token.expires_at,
    }


def _from_row(row: Row[Any]) -> RefreshRecord:
    values = row._asdict()
    revoked = values.pop("revocation") is not None
    return RefreshRecord(session=values.pop("family"), revoked=revoked, **values)
