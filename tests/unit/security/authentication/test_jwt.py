"""Tokens: good ones open, and everything else is refused, whatever it is."""

import base64
import json
from contextlib import suppress
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.errors import Misconfigured, Unauthenticated
from bullpen.security.authentication.jwt import Tokens
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


def refused(token: str, tokens: Tokens = TOKENS) -> str:
    with pytest.raises(Unauthenticated) as caught:
        tokens.verify(token)
    return caught.value.detail


def test_the_least_token_opens() -> None:
    """Three claims are enough; the tenant is `default` and nothing is granted."""
    caller = TOKENS.verify(jwt.encode(GOOD, SECRET, algorithm="HS256"))
    assert (caller.user_id, caller.tenant, caller.credential) == ("u", "default", "jwt")
    assert (caller.roles, caller.permissions, caller.attributes) == (frozenset(), frozenset(), {})


def test_every_claim_arrives() -> None:
    """Roles, permissions, attributes and tenant are taken over."""
    claims = GOOD | {
        "tenant": "acme",
        "roles": ["user", "x"],
        "permissions": ["data:read"],
        "attributes": {"department": "ops", "clearance_level": 2},
    }
    caller = TOKENS.verify(signed(claims))
    assert caller.tenant == "acme"
    assert (caller.roles, caller.permissions) == (frozenset({"user", "x"}), frozenset({"data:read"}))
    assert caller.attributes == {"department": "ops", "clearance_level": 2}


def test_sub_names_the_user_when_user_id_does_not() -> None:
    """`user_id` comes first; either is held to the same rules."""
    claims = {"sub": "s", "iat": NOW, "exp": NOW + 60}
    assert TOKENS.verify(signed(claims)).user_id == "s"
    assert TOKENS.verify(signed(claims | {"user_id": "urn:x:1"})).user_id == "urn:x:1"


@pytest.mark.parametrize("name", ["user_id", "iat", "exp"])
def test_a_missing_claim_is_refused(name: str) -> None:
    """Each of the three is needed."""
    assert refused(signed({key: value for key, value in GOOD.items() if key != name}))


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
        ({"iat": NOW - 0.5, "exp": NOW + 0.5}, True),
    ],
)
def test_times_are_held_against_the_clock_with_some_leeway(claims: dict[str, float], opens: bool) -> None:
    """Not expired, not from the future, not before its time, and not older than a day, whatever `exp` says."""
    token = signed(GOOD | claims)
    if opens:
        assert TOKENS.verify(token).user_id == "u"
    else:
        assert refused(token)


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
def test_a_claim_of_the_wrong_type_is_refused(claims: dict[str, Any]) -> None:
    """A signature does not make nonsense true: refused, and never a defect."""
    assert refused(signed(GOOD | claims))


@given(st.sampled_from(["user_id", "sub", "exp", "iat", "nbf", "aud", "tenant", "roles", "attributes", "crit"]), JSON)
def test_no_signed_claim_breaks_the_server(name: str, value: object) -> None:
    """Whatever a claim holds, the token opens or is refused."""
    with suppress(Unauthenticated):
        assert TOKENS.verify(signed(GOOD | {name: value})).user_id


@given(JSON)
def test_no_header_breaks_the_server(header: object) -> None:
    """The header is read before the signature is known to be good."""
    assert refused(signed(GOOD, header=[header]))
    assert refused(signed(GOOD, header={"typ": "JWT", "alg": header}))


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_no_text_breaks_the_server(text: str) -> None:
    """Anybody can send anything."""
    assert refused(text)


def test_a_deeply_nested_header_is_refused() -> None:
    """Even when it exhausts the parser's stack."""
    assert refused(f"{_b64(b'[' * 5000)}.e30.x")


def test_a_forged_token_is_refused() -> None:
    """Signed with another secret, changed, or not signed at all."""
    good = signed(GOOD)
    head, _, signature = good.split(".")
    other = _b64(json.dumps(GOOD | {"roles": ["admin"]}).encode())
    unsigned = _b64(json.dumps({"alg": "none"}).encode()) + f".{other}."
    told = {refused(signed(GOOD, secret="x" * 64)), refused(f"{head}.{other}.{signature}"), refused(unsigned)}
    assert len(told) == 1


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_the_algorithm_is_ours_to_choose(algorithm: str) -> None:
    """The same secret under another algorithm is refused."""
    assert refused(jwt.encode(GOOD, SECRET * 2, algorithm=algorithm), Tokens(SECRET * 2, clock=CLOCK))


def test_a_token_is_written_in_one_way_only() -> None:
    """Padding, and characters a lenient decoder would skip, make it another text, and no token."""
    head, body, signature = signed(GOOD).split(".")
    assert TOKENS.verify(f"{head}.{body}.{signature}").user_id == "u"
    for text in (f"{signature}=", f"{signature[:5]}!!{signature[5:]}", f"{signature}\n", f"{signature}."):
        refused(f"{head}.{body}.{text}")


def test_a_token_for_another_audience_is_refused() -> None:
    """A token made for somebody is not for us, whatever their name is."""
    for audience in ("elsewhere", "bullpen", ["bullpen", "elsewhere"]):
        assert refused(signed(GOOD | {"aud": audience}))


def test_a_short_secret_is_a_mistake_of_the_operator() -> None:
    """RFC 7518 asks for 32 bytes; fewer could be guessed from one token."""
    with pytest.raises(Misconfigured, match="32 bytes"):
        Tokens("x" * 31)
