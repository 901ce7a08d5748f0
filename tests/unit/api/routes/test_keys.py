"""The routes of API keys: whose keys a caller reaches, what may be given, and what is on record before it is done."""

from collections.abc import AsyncIterator

import pytest

from tests.stubs.doors import Doors, doors

KEYS = "/security/keys"


@pytest.fixture
async def door() -> AsyncIterator[Doors]:
    async with doors() as door:
        yield door


def id_of(key: str) -> str:
    return key.split("_")[1]


async def opens(door: Doors, key: str) -> bool:
    """Whether the key is one; what it may do is another matter."""
    return (await door.get("/thing", key)).status_code != 401


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("role", ["user", "analyst", "developer"])
async def test_keys_are_managed_by_administrators(door: Doors, method: str, role: str) -> None:
    """Everybody else is refused, and the refusal is on record."""
    answer = await door.ask(method, KEYS, await door.key(role), json={"name": "mine"})
    assert answer.status_code == 403
    assert door.types[-1] == "authorization_denied"


async def test_an_administrator_reaches_no_other_tenant(door: Doors) -> None:
    """Another tenant's keys are not listed, not made, and as unknown as none; nothing happens to them."""
    admin, theirs = await door.key("admin"), await door.key("user", tenant="rival")
    assert (await door.get(f"{KEYS}?tenant=rival", admin)).status_code == 403
    assert (await door.ask("POST", KEYS, admin, json={"name": "x", "tenant": "rival"})).status_code == 403
    door.forget()
    one = f"{KEYS}/{id_of(theirs)}"
    refused = [await door.ask("POST", f"{one}/rotate", admin, json={}), await door.ask("DELETE", one, admin)]
    none = await door.ask("DELETE", f"{KEYS}/{'A' * 12}", admin)
    for answer in refused:
        assert answer.status_code == none.status_code == 404
        assert answer.json()["detail"] == none.json()["detail"]
    assert door.types == ["api_key_auth_success", "authorization_success", "authorization_denied"] * 3
    assert await opens(door, theirs)


async def test_only_administrators_of_the_default_tenant_are_operators(door: Doors) -> None:
    """Neither another one's permissions, nor an ordinary user of that tenant, make an operator."""
    theirs = await door.key("user", tenant="rival")
    for other in (await door.key("admin", permissions=["key:manage:house", "key:read:house"]), await _ordinary(door)):
        assert (await door.get(f"{KEYS}?tenant=rival", other)).status_code == 403
        assert (await door.ask("POST", KEYS, other, json={"name": "x", "tenant": "rival"})).status_code == 403
        assert (await door.ask("DELETE", f"{KEYS}/{id_of(theirs)}", other)).status_code in {403, 404}
    assert await opens(door, theirs)


async def _ordinary(door: Doors) -> str:
    return await door.key("user", tenant="default", permissions=["key:manage", "key:read"])


async def test_to_read_is_not_to_manage(door: Doors) -> None:
    """Nor the other way round."""
    reader, manager = await door.key(permissions=["key:read"]), await door.key(permissions=["key:manage"])
    asked = {"name": "x", "permissions": ["key:manage"]}
    for key, listing, making in ((reader, 200, 403), (manager, 403, 201)):
        assert (await door.get(KEYS, key)).status_code == listing
        assert (await door.ask("POST", KEYS, key, json=asked)).status_code == making


async def test_a_role_that_the_policy_does_not_name_is_refused(door: Doors) -> None:
    """Also to an administrator: it grants nothing until somebody writes a rule for it."""
    answer = await door.ask("POST", KEYS, await door.key("admin"), json={"name": "x", "roles": ["nobody"]})
    assert answer.status_code == 422
    assert answer.json()["fields"][0]["path"] == "roles"


async def test_a_whole_key_in_the_path_is_not_written_down(door: Doors) -> None:
    """Somebody may paste it there; the trail is kept for years."""
    admin, key = await door.key("admin"), await door.key("user")
    assert (await door.ask("DELETE", f"{KEYS}/{key}", admin)).status_code == 404
    assert door.types[-1] == "authorization_denied"
    assert key not in str([event.details for event in door.events])


async def test_the_operator_reaches_all(door: Doors) -> None:
    """An administrator of the tenant `default` manages everybody's keys."""
    operator, theirs = await door.key("admin", tenant="default"), await door.key("user", tenant="rival")
    listed = (await door.get(f"{KEYS}?tenant=rival", operator)).json()["keys"]
    assert [each["id"] for each in listed] == [id_of(theirs)]
    made = await door.ask("POST", KEYS, operator, json={"name": "x", "tenant": "rival"})
    assert (made.status_code, made.json()["tenant"], made.json()["created_by"]) == (201, "rival", "default:ann")
    assert (await door.ask("DELETE", f"{KEYS}/{id_of(theirs)}", operator)).status_code == 200
    assert not await opens(door, theirs)


async def test_a_permission_for_the_house_is_not_enough(door: Doors) -> None:
    """Whoever has been given `key` of another tenant than `default` is no operator."""
    grantee = await door.key("user", permissions=["key", "*"])
    assert (await door.get(f"{KEYS}?tenant=rival", grantee)).status_code == 403


async def test_a_user_is_told_nothing_of_which_keys_exist(door: Doors) -> None:
    """403 for a key that is there and for one that is not."""
    user, theirs = await door.key("user"), await door.key("user", user_id="bob")
    answers = [await door.ask("DELETE", f"{KEYS}/{each}", user) for each in (id_of(theirs), "A" * 12)]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert await opens(door, theirs)


async def test_nobody_gives_more_than_they_have(door: Doors) -> None:
    """Not by making a key, and not by rotating one that has more; the refusal is on record."""
    manager = await door.key("user", permissions=["key:manage"], attributes={"clearance_level": 1})
    for asked in (
        {"roles": ["admin"]},
        {"permissions": ["data:read"]},
        {"roles": ["user"], "attributes": {"clearance_level": 2}},
    ):
        door.forget()
        answer = await door.ask("POST", KEYS, manager, json={"name": "x", **asked})
        assert answer.status_code == 403, asked
        assert "api_key_created" not in door.types
        assert door.types[-1] == "authorization_denied"
    admin = await door.key("admin")
    assert (await door.ask("POST", f"{KEYS}/{id_of(admin)}/rotate", manager, json={})).status_code == 403
    assert await opens(door, admin)
    equal = await door.ask("POST", KEYS, manager, json={"name": "x", "attributes": {"clearance_level": 1}})
    assert (equal.status_code, equal.json()["roles"]) == (201, ["user"])


@pytest.mark.parametrize("way", ["create", "rotate", "revoke"])
async def test_what_cannot_be_recorded_strictly_is_not_done(door: Doors, way: str) -> None:
    """While the trail is degraded keys stay as they are; what was wanted is recorded with the outcome `error`."""
    admin, key = await door.key("admin"), await door.key("user")
    one = f"{KEYS}/{id_of(key)}"
    asks = {"create": ("POST", KEYS), "rotate": ("POST", f"{one}/rotate"), "revoke": ("DELETE", one)}
    door.outbox.degraded = True
    answer = await door.ask(*asks[way], admin, json={"name": "x"} if way == "create" else {})
    assert answer.status_code == 503
    assert door.events[-1].outcome == "error"
    assert await opens(door, key)
    assert len(await door.replica.locksmith.keys()) == 2


async def test_a_fresh_key_is_on_record_before_it_opens(door: Doors) -> None:
    """Strictly, with whose it is and what it has, and never with the key."""
    answer = await door.ask("POST", KEYS, await door.key("admin"), json={"name": "ci", "user_id": "bob"})
    made = answer.json()
    assert answer.headers["Cache-Control"] == "no-store"
    created = next(event for event in door.events if event.type.value == "api_key_created")
    assert door.outbox.stricts[0]
    assert created.details["key_id"] == made["id"]
    assert (created.details["key_owner"], created.details["key_roles"]) == ("bob", "user")
    assert made["key"] not in str(door.outbox.appends)
    assert await opens(door, made["key"])


async def test_a_rotated_key_opens_for_the_overlap(door: Doors) -> None:
    """And no longer; its heir has the same rights. Without an overlap it ends at once."""
    admin, old = await door.key("admin"), await door.key("analyst", user_id="bob", attributes={"department": "x"})
    heir = (await door.ask("POST", f"{KEYS}/{id_of(old)}/rotate", admin, json={"overlap": 10})).json()
    assert (heir["replaces"], heir["user_id"], heir["roles"]) == (id_of(old), "bob", ["analyst"])
    assert heir["attributes"] == {"department": "x"}
    assert heir["replaced_expires_at"] == door.clock.now() + 10
    assert await opens(door, old)
    door.clock.pass_time(10)
    assert not await opens(door, old)
    assert await opens(door, heir["key"])
    await door.ask("POST", f"{KEYS}/{heir['id']}/rotate", admin, json={"overlap": 0})
    assert not await opens(door, heir["key"])


async def test_an_overlap_makes_no_key_live_longer(door: Doors) -> None:
    """One that expires before the overlap ends expires when it would, and the answer says so."""
    admin, old = await door.key("admin"), await door.key("user", lifetime=5.0)
    heir = (await door.ask("POST", f"{KEYS}/{id_of(old)}/rotate", admin, json={"overlap": 10})).json()
    assert heir["replaced_expires_at"] == door.clock.now() + 5
    door.clock.pass_time(5)
    assert not await opens(door, old)


async def test_pages_follow_one_another(door: Doors) -> None:
    """Each begins after the last of the one before; the last has no next. Other tenants' keys are on none."""
    admin = await door.key("admin")
    for _ in range(4):
        await door.key("user")
    await door.key("user", tenant="rival")
    seen: list[str] = []
    place: str | None = ""
    while place is not None:
        page = (await door.get(f"{KEYS}?limit=2{place}", admin)).json()
        assert len(page["keys"]) <= 2
        seen += [each["id"] for each in page["keys"]]
        place = page["next"] and f"&after={page['next']}"
    assert len(seen) == 5
    assert seen == sorted(set(seen))
    assert (await door.get(f"{KEYS}?limit=5", admin)).json()["next"] is None


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "limit=-1", "tenant=-", "tenant=a:b", "teanant=acme"]
)
async def test_a_query_that_makes_no_sense_is_refused(door: Doors, query: str) -> None:
    """With the field that is wrong."""
    answer = await door.get(f"{KEYS}?{query}", await door.key("admin", tenant="default"))
    assert answer.status_code == 422
    assert answer.json()["fields"][0]["path"] == query.partition("=")[0]


async def test_no_answer_tells_a_digest(door: Doors) -> None:
    """Neither the key nor what is kept of it."""
    listed = (await door.get(KEYS, await door.key("admin"))).json()["keys"]
    assert not {"digest", "pepper", "key"} & set(listed[0])
