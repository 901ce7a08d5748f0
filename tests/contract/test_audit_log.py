"""What the audit trail promises, held against every database."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import orjson
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bullpen.errors import DependencyDown, InvalidRequest
from bullpen.security.audit import HOUSE, EventType, Notary, Wanted
from bullpen.security.audit.sql import SqlAuditLog
from bullpen.security.audit.walk import Fault
from bullpen.stores import open_engine
from bullpen.stores.schema import upgrade
from tests.stubs.clock import StillClock
from tests.stubs.database import KINDS, empty_database
from tests.stubs.trail import fact, facts, log_in, numbers, tamper

ACME = Wanted(tenant="acme")
DAY = 86_400.0
TABLES = ("audit_rows", "audit_personal", "audit_heads", "audit_checkpoints", "audit_chores")


@pytest.fixture(scope="module", params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One database of each kind for the whole suite: to make one takes longer than most of its tests."""
    postgres_url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    with empty_database(request.param, folder=tmp_path_factory.mktemp("trail"), postgres_url=postgres_url) as url:
        asyncio.run(migrated(url))
        yield url


async def migrated(url: str) -> None:
    engine = open_engine(url)
    await upgrade(engine)
    await engine.dispose()


@pytest.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(url)
    await tamper(engine, *(f"DELETE FROM {table}" for table in TABLES))
    yield engine
    await engine.dispose()


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def log(engine: AsyncEngine, clock: StillClock) -> SqlAuditLog:
    return log_in(engine, clock=clock)


async def fault_of(log: SqlAuditLog, tenant: str = "acme") -> Fault | None:
    return (await log.verify(tenant)).fault


async def exported(log: SqlAuditLog, wanted: Wanted) -> list[dict[str, object]]:
    lines = b"".join([batch async for batch in log.export(wanted)])
    return [orjson.loads(line) for line in lines.splitlines()]


async def test_what_was_delivered_is_shown_newest_first(log: SqlAuditLog) -> None:
    """Whole, numbered without gaps, and each row bound to the one before."""
    await log.deliver(facts(range(1, 4)))
    await log.deliver(facts(range(4, 6)))
    page = await log.entries(ACME)
    assert numbers(page.records) == [5, 4, 3, 2, 1]
    assert [each.entry.previous for each in page.records[:-1]] == [each.entry.hash for each in page.records[1:]]
    assert page.records[0].as_dict()["details"] == {"task_length": 5}
    assert page.next is None
    assert await log.total("acme") == 5


async def test_what_is_delivered_again_changes_nothing(log: SqlAuditLog) -> None:
    """Within one delivery, in a later one, and mixed with what is new."""
    await log.deliver([*facts(range(3)), *facts(range(3))])
    await log.deliver(facts(range(1, 5)))
    await log.deliver([])
    assert [each.entry.id for each in (await log.entries(ACME)).records] == [f"event-{n}" for n in (4, 3, 2, 1, 0)]
    assert await fault_of(log) is None


async def test_every_tenant_has_a_chain_of_its_own(log: SqlAuditLog) -> None:
    """Delivered together, kept and shown apart; nobody's events have one, too."""
    await log.deliver([fact(1), fact(2, tenant="zeta"), fact(3), fact(4, tenant=HOUSE, actor="")])
    assert await log.tenants() == ["-", "acme", "zeta"]
    assert numbers((await log.entries(ACME)).records) == [2, 1]
    assert numbers((await log.entries(Wanted(tenant="zeta"))).records) == [1]
    assert (await log.entries(Wanted(tenant="nobody"))).records == []
    assert [(await log.verify(each)).through for each in await log.tenants()] == [1, 2, 1]


async def test_replicas_that_deliver_at_once_make_one_chain(engine: AsyncEngine) -> None:
    """Appends take turns: no gap, no fork, no row twice, though each replica delivers half of what another does."""
    replicas = [log_in(engine) for _ in range(4)]
    batches = [
        [fact(number, tenant=f"tenant-{number % 3}") for number in range(start, start + 20)]
        for start in range(0, 80, 10)
    ]
    await asyncio.gather(*(replicas[n % 4].deliver(batch) for n, batch in enumerate(batches)))
    found = [await replicas[0].verify(f"tenant-{n}") for n in range(3)]
    assert all(each.intact for each in found)
    assert sum(each.through for each in found) == 90


async def test_rows_are_found_by_user_and_by_type(log: SqlAuditLog) -> None:
    """What a user did, and what was done to them; `as_actor` leaves the latter out."""
    denied = EventType.AUTHORIZATION_DENIED
    created = {"type": EventType.API_KEY_CREATED, "details": {"user_id": "bob"}}
    await log.deliver([fact(1), fact(2, actor="bob", type=denied), fact(3, **created), fact(4, actor="bob")])
    bob = await log.entries(Wanted(tenant="acme", user_id="bob"))
    assert numbers(bob.records) == [4, 3, 2]
    assert numbers((await log.entries(Wanted(tenant="acme", user_id="bob", as_actor=True))).records) == [4, 2]
    assert numbers((await log.entries(Wanted(tenant="acme", event_type=denied))).records) == [2]
    assert (await log.entries(Wanted(tenant="acme", user_id="ann", event_type=denied))).records == []
    assert (await log.entries(Wanted(tenant="zeta", user_id="bob"))).records == []


@pytest.mark.parametrize("user_id", ["' OR '1'='1", "ann'; DROP TABLE audit_rows; --", "%", "_nn", "a\x00nn", "*"])
async def test_a_filter_is_a_value(log: SqlAuditLog, user_id: str) -> None:
    """What looks like SQL is somebody's name, and nobody has it."""
    await log.deliver(facts(range(1, 3)))
    assert (await log.entries(Wanted(tenant="acme", user_id=user_id))).records == []
    assert await log.total("acme") == 2


async def test_pages_follow_one_another(log: SqlAuditLog) -> None:
    """Each row is on one page, whatever is appended meanwhile; the last page says so."""
    await log.deliver(facts(range(1, 8)))
    first = await log.entries(ACME, limit=3)
    await log.deliver([fact(100)])
    second = await log.entries(ACME, limit=3, cursor=first.next)
    last = await log.entries(ACME, limit=3, cursor=second.next)
    assert [numbers(page.records) for page in (first, second, last)] == [[7, 6, 5], [4, 3, 2], [1]]
    assert last.next is None
    assert (await log.entries(ACME, limit=8)).next is None


async def test_a_cursor_that_is_none_is_refused(log: SqlAuditLog) -> None:
    """Before anything is asked."""
    with pytest.raises(InvalidRequest, match="cursor"):
        await log.entries(ACME, cursor="1; DROP TABLE audit_rows")


async def test_refusals_are_shown_apart(log: SqlAuditLog) -> None:
    """The newest first."""
    await log.deliver([fact(1, outcome="denied"), fact(2), fact(3, outcome="denied"), fact(4)])
    assert numbers((await log.denials("acme")).records) == [3, 1]
    assert numbers((await log.denials("acme", limit=1)).records) == [3]


async def test_an_export_has_every_row_in_order(log: SqlAuditLog) -> None:
    """Over more than one batch, as JSON lines, oldest first; filters count."""
    await log.deliver([*facts(range(1, 400)), fact(400, actor="bob")])
    lines = await exported(log, ACME)
    assert [line["number"] for line in lines] == list(range(1, 401))
    assert [line["number"] for line in await exported(log, Wanted(tenant="acme", user_id="bob"))] == [400]
    assert await exported(log, Wanted(tenant="nobody")) == []


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE audit_rows SET outcome = 'denied' WHERE number = 5", Fault(5, 5, "changed")),
        ("UPDATE audit_rows SET details = '{}' WHERE number = 9", Fault(9, 9, "changed")),
        ("DELETE FROM audit_rows WHERE number = 5", Fault(5, 5, "removed")),
        ("DELETE FROM audit_rows WHERE number <= 3", Fault(1, 3, "removed")),
        ("DELETE FROM audit_rows WHERE number >= 7", Fault(7, 9, "removed")),
        ("DELETE FROM audit_rows", Fault(1, 9, "removed")),
        ("UPDATE audit_rows SET number = number - 1 WHERE number > 20", None),
        ('UPDATE audit_personal SET body = \'{"actor":"eve"}\' WHERE number = 5', Fault(5, 5, "values_changed")),
        ("UPDATE audit_personal SET person = 'eve' WHERE number = 5", Fault(5, 5, "values_changed")),
        ("UPDATE audit_checkpoints SET signature = 'ab'", Fault(9, 9, "checkpoint_false")),
    ],
)
async def test_what_was_tampered_with_is_named(
    engine: AsyncEngine, log: SqlAuditLog, statement: str, fault: Fault | None
) -> None:
    """The first row that was changed or removed, its personal values and the signature included."""
    await log.deliver(facts(range(1, 10)))
    await log.seal()
    await tamper(engine, statement)
    assert await fault_of(log) == fault


async def test_rows_that_changed_places_are_named(engine: AsyncEngine, log: SqlAuditLog) -> None:
    """Also when the gap of a removed row was closed."""
    await log.deliver(facts(range(1, 10)))
    move = "UPDATE audit_rows SET number = {} WHERE number = {}"
    await tamper(engine, move.format(100, 3), move.format(3, 7), move.format(7, 100))
    assert await fault_of(log) == Fault(3, 3, "reordered")
    await tamper(engine, "DELETE FROM audit_rows WHERE number = 3")
    assert await fault_of(log) == Fault(3, 3, "removed")


async def test_a_tail_is_missed_though_the_head_was_moved_back(engine: AsyncEngine, log: SqlAuditLog) -> None:
    """The checkpoint says how far the chain went."""
    await log.deliver(facts(range(1, 10)))
    await log.seal()
    await tamper(
        engine,
        "DELETE FROM audit_rows WHERE number > 4",
        "UPDATE audit_heads SET number = 4, hash = (SELECT hash FROM audit_rows WHERE number = 4)",
    )
    assert await fault_of(log) == Fault(5, 9, "removed")


async def test_a_chain_without_a_head_is_not_whole(engine: AsyncEngine, log: SqlAuditLog) -> None:
    """It is still known, and still told."""
    await log.deliver(facts(range(1, 4)))
    await tamper(engine, "DELETE FROM audit_heads")
    assert await log.tenants() == ["acme"]
    assert await fault_of(log) == Fault(3, 3, "head_moved")


async def test_a_head_that_was_moved_back_is_told(engine: AsyncEngine, log: SqlAuditLog) -> None:
    """Though no row is missing: the next one could not be appended."""
    await log.deliver(facts(range(1, 10)))
    back = "UPDATE audit_heads SET number = 4, hash = (SELECT hash FROM audit_rows WHERE number = 4)"
    await tamper(engine, back)
    assert await fault_of(log) == Fault(9, 9, "head_moved")
    await tamper(engine, "DELETE FROM audit_checkpoints")
    assert await fault_of(log) == Fault(5, 9, "inserted")


async def test_a_person_is_erased_and_the_chain_stays_whole(engine: AsyncEngine, log: SqlAuditLog) -> None:
    """Nothing of them is left in any table or found again; others are as they were."""
    created = fact(3, actor="ann", details={"user_id": "bob", "name": "Bob"})
    await log.deliver([fact(1, actor="bob"), fact(2), created])
    assert await log.erase("zeta", "bob") == 0
    assert await log.erase("acme", "bob") == 2
    assert (await log.entries(Wanted(tenant="acme", user_id="bob"))).records == []
    told = [record.as_dict() for record in (await log.entries(ACME)).records]
    assert [(each["user_id"], each["erased"]) for each in told] == [("ann", True), ("ann", False), (None, True)]
    assert "bob" not in repr(told).lower()
    found = await log.verify("acme")
    assert (found.intact, found.erased) == (True, 2)
    async with engine.connect() as connection:
        left = [*await connection.execute(text("SELECT body FROM audit_personal"))]
    assert "bob" not in repr(left).lower()


async def test_a_chain_is_signed_after_some_time_and_once_more_by_the_upkeep(
    engine: AsyncEngine, log: SqlAuditLog, clock: StillClock
) -> None:
    """One checkpoint for the tail, moved along; what was signed is not signed again."""
    await log.deliver(facts(range(1, 3)))
    await log.deliver(facts(range(3, 5)))
    assert (await log.verify("acme")).signed == 2
    clock.pass_time(61)
    await log.deliver(facts(range(5, 7)))
    assert (await log.verify("acme")).signed == 6
    await log.deliver(facts(range(7, 9)))
    assert await log.seal() == 1
    assert await log.seal() == 0
    assert (await log.verify("acme")).signed == 8
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM audit_checkpoints"))).scalar() == 1


async def test_each_thousandth_row_is_signed(engine: AsyncEngine, log: SqlAuditLog) -> None:
    """In the middle of a delivery, for good; a missing one is told."""
    await log.deliver(facts(range(1, 2502)))
    await log.seal()
    async with engine.connect() as connection:
        kinds = [*await connection.execute(text("SELECT number, kind FROM audit_checkpoints ORDER BY number"))]
    assert [tuple(row) for row in kinds] == [(1000, "mark"), (2000, "mark"), (2501, "tail")]
    await tamper(engine, "DELETE FROM audit_checkpoints WHERE number = 1000")
    assert await fault_of(log) == Fault(1000, 1000, "checkpoint_false")


async def test_what_an_older_secret_signed_stays_genuine(engine: AsyncEngine, log: SqlAuditLog) -> None:
    """As long as it is handed in; without it nothing vouches for the rows. The upkeep signs again, and it can go."""
    await log.deliver(facts(range(1, 1005)))
    await log.deliver([fact(1, tenant="zeta", id="forged")])
    await tamper(engine, "UPDATE audit_checkpoints SET hash = 'forged' WHERE tenant = 'zeta'")
    secret = "the next secret of these tests, 32"
    alone = log_in(engine, notary=Notary(secret))
    assert await fault_of(alone) == Fault(1000, 1000, "checkpoint_false")
    known = log_in(engine, notary=Notary(secret, previous=["the secret of these tests, 32 bytes"]))
    assert await fault_of(known) is None
    await known.seal()
    assert (await alone.verify("acme")).signed == 1004
    assert await fault_of(alone, "zeta") == Fault(1, 1, "checkpoint_false")


async def test_pruning_leaves_a_stub_the_chain_goes_on_from(
    engine: AsyncEngine, log: SqlAuditLog, clock: StillClock
) -> None:
    """Old rows and their personal values go, over several batches; what is left verifies, and so does what comes."""
    await log.deliver(facts(range(1500)))
    clock.pass_time(1200 + DAY)
    assert await log.prune(older_than=DAY) == {"acme": 1200}
    assert await log.total("acme") == 301
    found = await log.verify("acme")
    assert (found.intact, found.pruned, found.through) == (True, 1200, 1501)
    newest = (await log.entries(ACME, limit=1)).records[0].entry
    assert (newest.type, newest.details) == ("audit_pruned", '{"rows":1200}')
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT min(number) FROM audit_personal"))).scalar() == 1201
    await log.deliver(facts(range(2000, 2010)))
    assert await fault_of(log) is None
    assert await log.prune(older_than=DAY) == {}


async def test_rows_removed_in_the_name_of_their_age_are_missed(
    engine: AsyncEngine, log: SqlAuditLog, clock: StillClock
) -> None:
    """Below a genuine stub nothing may be missing, and a stub cannot be moved."""
    await log.deliver(facts(range(10)))
    clock.pass_time(4 + DAY)
    await log.prune(older_than=DAY)
    await tamper(engine, "DELETE FROM audit_rows WHERE number = 5")
    assert await fault_of(log) == Fault(5, 5, "removed")
    await tamper(engine, "UPDATE audit_checkpoints SET number = 5 WHERE kind = 'stub'")
    assert await fault_of(log) == Fault(5, 5, "checkpoint_false")


async def test_a_chain_that_is_not_whole_is_not_pruned(
    engine: AsyncEngine, log: SqlAuditLog, clock: StillClock
) -> None:
    """Evidence stays; other tenants' chains are pruned all the same."""
    await log.deliver([*facts(range(5)), fact(10, tenant="zeta", at=1_700_000_000.0)])
    await tamper(engine, "UPDATE audit_rows SET outcome = 'error' WHERE tenant = 'acme' AND number = 2")
    clock.pass_time(1000 * DAY)
    assert await log.prune(older_than=DAY) == {"zeta": 1}
    assert await log.total("acme") == 5
    assert await fault_of(log) == Fault(2, 2, "changed")


async def test_appending_goes_on_while_a_chain_is_pruned_and_verified(log: SqlAuditLog, clock: StillClock) -> None:
    """What was removed for its age meanwhile is not taken for a fault."""
    await log.deliver(facts(range(1200)))
    clock.pass_time(900 + DAY)
    verifying = asyncio.create_task(log.verify("acme"))
    await asyncio.gather(log.prune(older_than=DAY), *(log.deliver([fact(5000 + n)]) for n in range(10)))
    assert (await verifying).intact
    assert (await log.verify("acme")).intact
    assert await log.total("acme") == 311


async def test_one_of_many_does_a_chore(engine: AsyncEngine, clock: StillClock) -> None:
    """Once in its time, whoever asks and however often; one who gave up leaves it to the next."""
    replicas = [log_in(engine, clock=clock) for _ in range(4)]
    claimed = await asyncio.gather(*(each.claim("prune", every=DAY) for each in replicas))
    assert claimed.count(True) == 1
    clock.pass_time(DAY - 1)
    assert not await replicas[0].claim("prune", every=DAY)
    assert await replicas[0].claim("other", every=DAY)
    clock.pass_time(1)
    assert await replicas[0].claim("prune", every=DAY)
    await replicas[0].disclaim("prune")
    assert await replicas[1].claim("prune", every=DAY)


async def test_a_trail_whose_database_is_away_raises_from_every_method() -> None:
    """Failure mode: `DependencyDown`, never a part of an answer."""
    engine = open_engine("postgresql://nobody@127.0.0.1:1/none")
    log = log_in(engine)
    calls = [
        log.deliver(facts(range(1))),
        log.tenants(),
        log.entries(ACME),
        log.verify("acme"),
        log.total("acme"),
        log.denials("acme"),
        log.erase("acme", "ann"),
        log.seal(),
        log.prune(older_than=DAY),
        log.claim("prune", every=DAY),
        log.disclaim("prune"),
        anext(log.export(ACME)),
    ]
    for call in calls:
        with pytest.raises(DependencyDown):
            await call
    await engine.dispose()
