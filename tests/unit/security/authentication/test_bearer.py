"""Tokens: good ones open, and everything else is refused, whatever it is."""

import base64
import gc
import json
import tracemalloc
from contextlib import suppress
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.errors import Misconfigured, Unauthenticated
from bullpen.security.authentication.bearer import Tokens
from tests.stubs.clock import StillClock

SECRET = "0123456789abcdef" * 4
CLOCK = StillClock()
NOW = int(CLOCK.now())
GOOD: dict[str, Any] = {"user_id": "u", "iat": NOW, "exp": NOW + 60}
TOKENS = Tokens(SECRET, leeway=5.0, clock=CLOCK)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


def signed(claims: object, *, secret: str = SECRET, header: object = None) -> str:
    """A token signed by hand, so that it may be wrong in any way a library would not let it."""
    head, body = (_b64(json.dumps(part).encode()) for part in (header or {"alg": "HS256", "typ": "JWT"}, claims))
    signature = jwt.get_algorithm_by_name("HS256").sign(f"{head}.{body}".encode(), secret.encode())
    return f"{head}.{body}.{_b64(signature)}"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def refused(token: str, tokens: Tokens = TOKENS) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await tokens.verify(token)
    return caught.value.detail


async def test_the_least_token_opens() -> None:
    """Three claims are enough; the tenant is `default` and nothing is granted."""
    caller = await TOKENS.verify(jwt.encode(GOOD, SECRET, algorithm="HS256"))
    assert (caller.user_id, caller.tenant, caller.credential) == ("u", "default", "jwt")
    assert (caller.roles, caller.permissions, caller.attributes) == (frozenset(), frozenset(), {})


async def test_every_claim_arrives() -> None:
    """Roles, permissions, attributes and tenant are taken over."""
    claims = GOOD | {
        "tenant": "acme",
        "roles": ["user", "x"],
        "permissions": ["data:read"],
        "attributes": {"department": "ops", "clearance_level": 2},
    }
    caller = await TOKENS.verify(signed(claims))
    assert caller.tenant == "acme"
    assert (caller.roles, caller.permissions) == (frozenset({"user", "x"}), frozenset({"data:read"}))
    assert caller.attributes == {"department": "ops", "clearance_level": 2}


async def test_sub_names_the_user_when_user_id_does_not() -> None:
    """`user_id` comes first; either is held to the same rules."""
    claims = {"sub": "s", "iat": NOW, "exp": NOW + 60}
    assert (await TOKENS.verify(signed(claims))).user_id == "s"
    assert (await TOKENS.verify(signed(claims | {"user_id": "urn:x:1"}))).user_id == "urn:x:1"


@pytest.mark.parametrize("name", ["user_id", "iat", "exp"])
async def test_a_missing_claim_is_refused(name: str) -> None:
    """Each of the three is needed."""
    assert await refused(signed({key: value for key, value in GOOD.items() if key != name}))


@pytest.mark.parametrize(
    ("claims", "opens"),
    [
        ({"exp": NOW - 4}, True),
        ({"exp": NOW - 5}, False),
        ({"iat": NOW + 5}, True),
        ({"iat": NOW + 6}, False),
        ({"iat": NOW - 86_400}, True),
        ({"iat": NOW - 86_401}, False),
        ({"nbf": NOW + 5}, True),
        ({"nbf": NOW + 6}, False),
        ({"iat": NOW + 6, "nbf": NOW}, False),
        ({"iat": NOW - 0.5, "exp": NOW + 0.5}, True),
    ],
)
async def test_times_are_held_against_the_clock_with_some_leeway(claims: dict[str, float], opens: bool) -> None:
    """Not expired, not from the future, not before its time, and not older than a day, whatever `exp` says."""
    token = signed(GOOD | claims)
    if opens:
        assert (await TOKENS.verify(token)).user_id == "u"
    else:
        assert await refused(token)


@pytest.mark.parametrize(
    "claims",
    [
        {"user_id": 7},
        {"user_id": None, "sub": "s"},
        {"user_id": ""},
        {"user_id": "a\n"},
        {"user_id": "\ud800"},
        {"user_id": ["u"]},
        {"tenant": "a:b"},
        {"tenant": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": 10**400},
        {"iat": -1},
        {"iat": None},
        {"nbf": {}},
        {"nbf": None},
        {"roles": "admin"},
        {"roles": ["admin", 1]},
        {"roles": {"admin": True}},
        {"roles": None},
        {"roles": ["\ud800"]},
        {"permissions": "*"},
        {"permissions": [None]},
        {"attributes": []},
        {"attributes": {"a": {}}},
        {"attributes": {"a": True}},
        {"attributes": {"a": 1.5}},
        {"attributes": {"a": 10**30}},
        {"attributes": {"\ud800": 1}},
    ],
)
async def test_a_claim_of_the_wrong_type_is_refused(claims: dict[str, Any]) -> None:
    """A signature does not make nonsense true: refused, and never a defect."""
    assert await refused(signed(GOOD | claims))


@given(st.sampled_from(["user_id", "sub", "exp", "iat", "nbf", "aud", "tenant", "roles", "attributes", "crit"]), JSON)
async def test_no_signed_claim_breaks_the_server(name: str, value: object) -> None:
    """Whatever a claim holds, the token opens or is refused."""
    with suppress(Unauthenticated):
        assert (await TOKENS.verify(signed(GOOD | {name: value}))).user_id


@given(JSON)
async def test_no_header_breaks_the_server(header: object) -> None:
    """The header is read before the signature is known to be good."""
    assert await refused(signed(GOOD, header=[header]))
    assert await refused(signed(GOOD, header={"typ": "JWT", "alg": header}))


@given(st.text())
async def test_no_text_breaks_the_server(text: str) -> None:
    """Anybody can send anything."""
    assert await refused(text)


async def test_a_deeply_nested_header_is_refused() -> None:
    """Even when it exhausts the parser's stack."""
    assert await refused(f"{_b64(b'[' * 5000)}.e30.x")


async def test_a_forged_token_is_refused() -> None:
    """Signed with another secret, changed, or not signed at all."""
    good = signed(GOOD)
    head, _, signature = good.split(".")
    other = _b64(json.dumps(GOOD | {"roles": ["admin"]}).encode())
    unsigned = _b64(json.dumps({"alg": "none"}).encode()) + f".{other}."
    told = {await refused(bad) for bad in (signed(GOOD, secret="x" * 64), f"{head}.{other}.{signature}", unsigned)}
    assert len(told) == 1


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
async def test_the_algorithm_is_ours_to_choose(algorithm: str) -> None:
    """The same secret under another algorithm is refused."""
    assert await refused(jwt.encode(GOOD, SECRET * 2, algorithm=algorithm), Tokens(SECRET * 2, clock=CLOCK))


async def test_a_token_is_written_in_one_way_only() -> None:
    """Padding, and characters a lenient decoder would skip, make it another text, and no token."""
    head, body, signature = signed(GOOD).split(".")
    assert (await TOKENS.verify(f"{head}.{body}.{signature}")).user_id == "u"
    for text in (f"{signature}=", f"{signature[:5]}!!{signature[5:]}", f"{signature}\n", f"{signature}."):
        await refused(f"{head}.{body}.{text}")


async def test_a_token_for_another_audience_is_refused() -> None:
    """A token made for somebody is not for us, whatever their name is."""
    for audience in ("elsewhere", "bullpen", ["bullpen", "elsewhere"]):
        assert await refused(signed(GOOD | {"aud": audience}))


def test_a_short_secret_is_a_mistake_of_the_operator() -> None:
    """RFC 7518 asks for 32 bytes; fewer could be guessed from one token."""
    with pytest.raises(Misconfigured, match="32 bytes"):
        Tokens("x" * 31)


async def events(token: str, tokens: Tokens = TOKENS) -> tuple[str, str, str]:
    """What the audit trail is told: the event, why, and who."""
    with pytest.raises(Unauthenticated) as caught:
        await tokens.verify(token)
    return caught.value.event, caught.value.facts["reason"], caught.value.facts.get("user_id", "")


async def test_the_audit_trail_is_told_what_the_caller_is_not() -> None:
    """One text for all; the event, the reason and, once the signature is good, the user are for the trail alone."""
    assert await events(signed(GOOD | {"exp": NOW - 60})) == ("token_expired_signature", "expired", "u")
    assert await events(signed(GOOD | {"iat": NOW - 90_000})) == ("token_too_old", "age", "u")
    assert await events(signed(GOOD | {"nbf": NOW + 60})) == ("token_invalid", "early", "u")
    assert await events(signed(GOOD | {"aud": "x"})) == ("token_invalid", "audience", "u")
    assert await events(signed(GOOD | {"roles": 1})) == ("token_invalid", "claim", "u")
    assert await events(signed(GOOD | {"user_id": 1})) == ("token_invalid", "claim", "")
    assert await events(signed(GOOD, secret="x" * 64)) == ("token_invalid", "signature", "")
    assert await events(signed(GOOD, header={"alg": "RS256"})) == ("token_invalid", "algorithm", "")
    assert await events("x") == ("token_invalid", "form", "")


async def test_a_token_that_was_good_expires_all_the_same() -> None:
    """What was seen before is held against the clock each time, and the trail tells it from one that came too late."""
    clock = StillClock()
    tokens = Tokens(SECRET, leeway=5.0, max_age=100, clock=clock)
    short, long = signed(GOOD | {"exp": NOW + 50}), signed(GOOD | {"exp": NOW + 5000})
    assert await tokens.verify(short) is await tokens.verify(short)
    await tokens.verify(long)
    clock.pass_time(55)
    assert await events(short, tokens) == ("token_expired", "expired", "u")
    assert await events(short, tokens) == ("token_expired", "expired", "u")
    clock.pass_time(46)
    assert await events(long, tokens) == ("token_too_old", "age", "u")


async def test_a_revoked_token_is_refused_at_once() -> None:
    """Also one that was seen before; it is known by its family and by itself, and named so in the log."""
    revoked: set[str] = set()
    tokens = Tokens(SECRET, clock=CLOCK, revoked=lambda marks: not revoked.isdisjoint(marks.values()))
    by_family = tokens.sign(GOOD | {"sid": "family-1", "jti": "a"})
    by_itself = tokens.sign(GOOD | {"jti": "b"})
    assert (await tokens.verify(by_family)).credential == "jwt:family-1"
    assert (await tokens.verify(by_itself)).credential == "jwt:b"
    revoked |= {"family-1", "b"}
    for token in (by_family, by_itself, tokens.sign(GOOD | {"sid": "family-1"})):
        assert await events(token, tokens) == ("token_invalid", "revoked", "u")


@pytest.mark.parametrize("mark", [7, ["x"], "", "a b", "x" * 65, "a\nb", None])
async def test_a_strange_name_is_not_written_into_logs(mark: object) -> None:
    """A token of another program may have any `jti`; it opens without one."""
    caller = await TOKENS.verify(signed(GOOD | {"jti": mark, "sid": mark}))
    assert caller.credential == "jwt"


async def test_an_older_secret_verifies_and_signs_no_more() -> None:
    """A secret is replaced while its tokens live; with it gone they are refused, seen before or not."""
    tokens = Tokens(SECRET, clock=CLOCK)
    old, foreign = tokens.sign(GOOD), signed(GOOD)
    await tokens.verify(old)
    tokens.replace_secrets("n" * 32, older=[SECRET])
    new = tokens.sign(GOOD)
    for token in (old, foreign, new):
        assert (await tokens.verify(token)).user_id == "u"
    tokens.replace_secrets("n" * 32)
    assert await refused(old, tokens)
    assert await refused(foreign, tokens)
    assert (await tokens.verify(new)).user_id == "u"
    with pytest.raises(Misconfigured):
        tokens.replace_secrets("short")
    assert (await tokens.verify(new)).user_id == "u"


@pytest.mark.parametrize("kid", ["", "../../etc/passwd", "unknown", "' or 1=1 --", "x" * 2000])
async def test_a_key_id_is_only_a_name(kid: str) -> None:
    """It opens no file and asks no database: a good signature stays good, a bad one bad."""
    header = {"alg": "HS256", "kid": kid}
    assert (await TOKENS.verify(signed(GOOD, header=header))).user_id == "u"
    assert await refused(signed(GOOD, header=header, secret="x" * 64))


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "HS256", "crit": ["exp"]},
        {"alg": "HS256", "crit": ["b64"], "b64": False},
        {"alg": "HS256", "crit": ["b64"], "b64": True},
        {"alg": "HS256", "crit": []},
        {"alg": "HS256", "kid": 7},
        {"alg": "HS256", "typ": "logout+jwt"},
        {"alg": "HS256", "typ": None},
        {"alg": "none"},
        {"alg": ""},
        {"typ": "JWT"},
    ],
)
async def test_a_header_that_must_not_be_ignored_is_refused(header: dict[str, Any]) -> None:
    """Extensions we do not know, other kinds of token, and no algorithm at all."""
    assert await refused(signed(GOOD, header=header))


async def test_issuer_and_audience_hold_when_they_are_set() -> None:
    """A program that knows the secret must then say both; tokens of our own need neither."""
    tokens = Tokens(SECRET, issuers=["login"], audiences=["bullpen", "other"], clock=CLOCK)
    for good in ({"iss": "login", "aud": "bullpen"}, {"iss": "login", "aud": ["x", "other"]}):
        assert (await tokens.verify(signed(GOOD | good))).user_id == "u"
    assert (await tokens.verify(tokens.sign(GOOD))).user_id == "u"
    for bad in (
        {},
        {"iss": "login"},
        {"iss": "x", "aud": "bullpen"},
        {"aud": "bullpen"},
        {"iss": [], "aud": "bullpen"},
    ):
        assert await refused(signed(GOOD | bad), tokens)
    for audience in ("x", [], [["bullpen"]], None, {"bullpen": 1}):
        assert await refused(signed(GOOD | {"iss": "login", "aud": audience}), tokens)


async def test_strangers_leave_nothing_behind() -> None:
    """Ten thousand different bad tokens, and more good ones than are remembered, and memory is what it was."""
    tokens = Tokens(SECRET, remember=100, clock=CLOCK)
    bad = [signed(GOOD | {"user_id": f"u{number}"}, secret="x" * 64) for number in range(10_000)]
    tracemalloc.start()
    for token in bad[:500]:
        await refused(token, tokens)
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    for token in bad[500:]:
        await refused(token, tokens)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 50_000
    for number in range(300):
        await tokens.verify(signed(GOOD | {"user_id": f"u{number}"}))
    assert len(tokens._seen) == 100
