"""Two issuers at once: whose a token is decides what is asked of it, and neither can speak for the other."""

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import jwt
import pytest

from bullpen.errors import DependencyDown, Misconfigured, Unauthenticated
from bullpen.security.authentication.bearer import Tokens
from bullpen.security.authentication.claims import ClaimMap
from bullpen.security.authentication.groups import Groups
from bullpen.security.authentication.issuers import NAME, Provider
from bullpen.security.authentication.jwks import KeySet
from tests.stubs.clock import StillClock
from tests.stubs.oidc import AUDIENCE, Oidc, pem

SECRET = "s" * 64
MAP = ClaimMap(fixed_tenant="acme", groups=("groups",), roles=("roles",))


@pytest.fixture
def oidc() -> Iterator[Oidc]:
    with Oidc() as provider:
        yield provider


@pytest.fixture
def clock() -> StillClock:
    return StillClock(float(int(time.time())))


@pytest.fixture
def groups() -> Groups:
    return Groups({"staff": frozenset({"analyst"})})


@pytest.fixture
async def tokens(oidc: Oidc, clock: StillClock, groups: Groups) -> AsyncIterator[Tokens]:
    async with KeySet(oidc.jwks_url, algorithms=["RS256", "ES256"], clock=clock) as keys:
        provider = Provider(
            keys,
            issuer=oidc.issuer,
            audiences=[AUDIENCE],
            algorithms=["RS256", "ES256"],
            claims=MAP,
            groups=groups,
        )
        yield Tokens(SECRET, issuers=(), provider=provider, revoked=lambda _: True, clock=clock)


async def why(tokens: Tokens, token: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await tokens.verify(token)
    return caught.value.facts["reason"]


@pytest.mark.parametrize("kid", ["rsa-0", "ec-0"])
async def test_a_providers_token_opens(tokens: Tokens, oidc: Oidc, kid: str) -> None:
    """Signed with either kind of key; groups become roles, and our list of revocations is not about it."""
    caller = await tokens.verify(oidc.token(kid, groups=["staff"], roles=["user"], sid="x", jti="y"))
    assert (caller.user_id, caller.tenant, caller.credential) == ("ada", "acme", "jwt")
    assert caller.roles == {"analyst", "user"}


async def test_both_open_side_by_side(tokens: Tokens, oidc: Oidc, clock: StillClock) -> None:
    """A token of our own needs no provider, and no mapping."""
    own = tokens.sign({"user_id": "u", "iat": clock.now(), "exp": clock.now() + 60, "roles": ["admin"]})
    assert (await tokens.verify(own)).roles == {"admin"}
    assert (await tokens.verify(oidc.token())).roles == frozenset()


async def test_our_own_tokens_are_for_nobody_else(tokens: Tokens, clock: StillClock) -> None:
    """None of them has an audience; one that names somebody was not made by us, whoever it says made it."""
    claims = {"user_id": "u", "iat": clock.now(), "exp": clock.now() + 60, "aud": "somebody"}
    assert await why(tokens, tokens.sign(claims)) == "audience"


async def test_a_public_key_is_no_secret(tokens: Tokens, oidc: Oidc) -> None:
    """HS256 signed with the provider's public key, in whatever form, opens nothing."""
    claims = jwt.decode(oidc.token(), options={"verify_signature": False})
    jwk = oidc.public("rsa-0")
    for secret in (pem(jwk), pem(jwk).strip(), jwk["n"].encode()):
        for kid in ("rsa-0", None):
            for issuer in (oidc.issuer, NAME):
                forged = _hs256(claims | {"iss": issuer}, secret, kid)
                assert await why(tokens, forged) == "signature"


async def test_the_secret_does_not_speak_for_the_provider(tokens: Tokens, oidc: Oidc) -> None:
    """Nor for anybody else: with a provider, what our secret has signed is our own."""
    claims = jwt.decode(oidc.token(), options={"verify_signature": False})
    for issuer in (oidc.issuer, "x", ""):
        assert await why(tokens, jwt.encode(claims | {"iss": issuer}, SECRET, "HS256")) == "issuer"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://login.example"}, "issuer"),
        ({"iss": NAME}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"aud": "https://elsewhere.example"}, "audience"),
        ({"aud": None}, "audience"),
        ({"exp": 0}, "expired"),
        ({"exp": None}, "time"),
        ({"iat": None}, "time"),
        ({"sub": None}, "claim"),
        ({"_claim_names": {"groups": "src1"}}, "groups_left_out"),
    ],
)
async def test_a_good_signature_is_not_enough(tokens: Tokens, oidc: Oidc, changes: dict[str, Any], reason: str) -> None:
    """It must be from this provider, for us, in time, and say what it must."""
    assert await why(tokens, oidc.token(**changes)) == reason


@pytest.mark.parametrize("header", [{"kid": "ec-0"}, {"kid": "unknown"}, {"kid": "../../../dev/null"}, {"kid": ""}])
async def test_another_key_does_not_fit(tokens: Tokens, oidc: Oidc, header: dict[str, str]) -> None:
    """A key that exists, one that does not, and one that would be a file."""
    assert await why(tokens, oidc.token("rsa-0", header=header)) == "unknown_key"


async def test_a_key_that_is_sent_along_is_not_looked_at(tokens: Tokens, oidc: Oidc) -> None:
    """`jwk`, `jku` and `x5u` in a header are the sender's; only the provider's own keys count."""
    oidc.add("rsa-1")
    oidc.withdraw("rsa-1")
    header = {"kid": "rsa-0", "jwk": oidc.public("rsa-1"), "jku": "http://127.0.0.1/keys", "x5u": "file:///dev/null"}
    assert await why(tokens, oidc.token("rsa-1", header=header)) == "signature"


async def test_keys_rotate_in_the_middle(tokens: Tokens, oidc: Oidc, clock: StillClock) -> None:
    """The new key opens when first used; what the old one has signed is refused once it is gone, seen or not."""
    old = oidc.token("rsa-0")
    await tokens.verify(old)
    oidc.add("rsa-1")
    oidc.withdraw("rsa-0")
    assert await why(tokens, oidc.token("rsa-1")) == "unknown_key"
    clock.pass_time(31)
    assert (await tokens.verify(oidc.token("rsa-1"))).user_id == "ada"
    assert await why(tokens, old) == "unknown_key"


async def test_ten_thousand_bad_tokens_ask_once(tokens: Tokens, oidc: Oidc, clock: StillClock) -> None:
    """Every one of them names another key, and the provider hears of it once in a cool-down."""
    clock.pass_time(31)
    _, body, signature = oidc.token().split(".")
    for number in range(10_000):
        header = jwt.utils.base64url_encode(b'{"alg":"RS256","kid":"%d"}' % number).decode()
        assert await why(tokens, f"{header}.{body}.{signature}") == "unknown_key"
    assert oidc.asked == 2


async def test_seen_tokens_open_while_the_provider_is_away_and_no_longer_than_its_keys(
    tokens: Tokens, oidc: Oidc, clock: StillClock
) -> None:
    """The last known keys stand for a day; then nobody is let in by them, and it is not their fault."""
    token = oidc.token(exp=int(clock.now()) + 100_000, iat=int(clock.now()) + 5)
    await tokens.verify(token)
    oidc.mood = "down"
    clock.pass_time(86_400)
    assert (await tokens.verify(token)).user_id == "ada"
    clock.pass_time(2)
    with pytest.raises(DependencyDown):
        await tokens.verify(token)


async def test_a_changed_groups_file_holds_for_tokens_that_were_seen(
    tokens: Tokens, oidc: Oidc, groups: Groups
) -> None:
    """Nobody keeps a role because they came early."""
    token = oidc.token(groups=["staff"])
    assert (await tokens.verify(token)).roles == {"analyst"}
    groups.replace({})
    assert (await tokens.verify(token)).roles == frozenset()


async def test_without_a_provider_its_tokens_are_strange(oidc: Oidc) -> None:
    """No key is asked for."""
    assert await why(Tokens(SECRET), oidc.token()) == "algorithm"
    assert oidc.asked == 0


@pytest.mark.parametrize("algorithm", ["HS256", "HS512", "none"])
def test_a_provider_cannot_sign_with_a_secret(oidc: Oidc, algorithm: str) -> None:
    """Whoever can verify such a token could make one."""
    keys = KeySet(oidc.jwks_url, algorithms=["RS256"])
    with pytest.raises(Misconfigured, match=algorithm):
        Provider(keys, issuer="x", audiences=[], algorithms=["RS256", algorithm], claims=MAP)


def _hs256(claims: dict[str, Any], secret: bytes, kid: str | None) -> str:
    """Signed without the library, which would refuse a public key."""
    unsigned = jwt.encode(claims, SECRET, "HS256", headers={"kid": kid} if kid else None).rpartition(".")[0]
    signature = jwt.get_algorithm_by_name("HS256").sign(unsigned.encode(), secret)
    return f"{unsigned}.{jwt.utils.base64url_encode(signature).decode()}"
