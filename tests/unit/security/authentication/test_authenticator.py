"""From a credential to a caller."""

import jwt
import pytest

from bullpen.errors import DependencyDown, Unauthenticated
from bullpen.security.authentication import Authenticator, KeyRing, Peppers, Tokens, issue, key_id_of, method_of
from bullpen.security.authentication.local import LocalKeyStore
from bullpen.security.authentication.opaque import ApiKey
from tests.stubs.clock import StillClock

SECRET = "s" * 64
PEPPERS = Peppers(SECRET)


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def store() -> LocalKeyStore:
    return LocalKeyStore()


@pytest.fixture
async def ring(store: LocalKeyStore, clock: StillClock) -> KeyRing:
    ring = KeyRing(store, peppers=PEPPERS, clock=clock)
    await ring.refresh()
    return ring


@pytest.fixture
async def key(store: LocalKeyStore, ring: KeyRing, clock: StillClock) -> ApiKey:
    key, record = issue(
        pepper=PEPPERS.current,
        now=clock.now(),
        name="n",
        user_id="u",
        tenant="acme",
        roles=["user"],
        attributes={"project": "p"},
    )
    await store.add(record)
    await ring.refresh()
    return key


@pytest.fixture
def authenticator(ring: KeyRing, clock: StillClock) -> Authenticator:
    return Authenticator(ring, Tokens(SECRET, clock=clock))


@pytest.fixture
def token(clock: StillClock) -> str:
    return jwt.encode({"user_id": "t", "iat": clock.now(), "exp": clock.now() + 60}, SECRET, algorithm="HS256")


async def test_a_key_opens_in_either_place(authenticator: Authenticator, key: ApiKey) -> None:
    """`X-API-Key` or bearer, and the same one in both is no contradiction."""
    callers = [
        await authenticator.authenticate(api_key=key.text),
        await authenticator.authenticate(bearer=key.text),
        await authenticator.authenticate(api_key=key.text, bearer=key.text),
    ]
    assert callers[0] == callers[1] == callers[2]
    caller = callers[0]
    assert (caller.user_id, caller.tenant, caller.roles) == ("u", "acme", frozenset({"user"}))
    assert caller.attributes == {"project": "p"}


async def test_a_credential_is_named_without_its_secret(authenticator: Authenticator, key: ApiKey) -> None:
    """Logs name the key by its id."""
    assert (await authenticator.authenticate(api_key=key.text)).credential == f"api_key:{key.id}"


async def test_white_space_belongs_to_the_header(authenticator: Authenticator, key: ApiKey) -> None:
    """Spaces and tabs around a credential are not part of it (RFC 9110 §5.5); a line end would be."""
    for shown in (f" {key.text}\t", f"{key.text} "):
        assert (await authenticator.authenticate(api_key=shown)).user_id == "u"
        assert (await authenticator.authenticate(api_key=shown, bearer=key.text)).user_id == "u"
    for shown in (f"{key.text}\n", " \t"):
        with pytest.raises(Unauthenticated):
            await authenticator.authenticate(api_key=shown)


async def test_a_token_opens_as_bearer_only(authenticator: Authenticator, token: str) -> None:
    """`X-API-Key` is for keys."""
    assert (await authenticator.authenticate(bearer=token)).user_id == "t"
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(api_key=token)


async def test_two_different_credentials_are_refused(authenticator: Authenticator, key: ApiKey, token: str) -> None:
    """Nobody acts in another's name because a proxy added a header; not even when both are good."""
    with pytest.raises(Unauthenticated, match="Two different"):
        await authenticator.authenticate(api_key=key.text, bearer=token)


@pytest.mark.parametrize("absent", [None, ""])
async def test_no_credential_is_told_what_to_send(authenticator: Authenticator, absent: str | None) -> None:
    """An empty header is none."""
    with pytest.raises(Unauthenticated, match="X-API-Key"):
        await authenticator.authenticate(api_key=absent, bearer=absent)


@pytest.mark.parametrize("credential", ["x" * 8193, "bp_" + "a" * 100_000, "bp_ü", "\ud800", "\x00", "bp_", ".."])
async def test_nonsense_is_refused_in_either_place(authenticator: Authenticator, credential: str) -> None:
    """Huge, not ASCII, or nothing we know: never a defect."""
    for given in ({"api_key": credential}, {"bearer": credential}):
        with pytest.raises(Unauthenticated):
            await authenticator.authenticate(**given)


async def test_without_tokens_only_keys_open(ring: KeyRing, key: ApiKey, token: str) -> None:
    """A server may do without a signing secret."""
    keys_only = Authenticator(ring)
    assert (await keys_only.authenticate(bearer=key.text)).user_id == "u"
    with pytest.raises(Unauthenticated, match="API key"):
        await keys_only.authenticate(bearer=token)


async def test_tokens_open_while_keys_cannot_be_checked(store: LocalKeyStore, clock: StillClock, token: str) -> None:
    """They need no store."""
    authenticator = Authenticator(KeyRing(store, peppers=PEPPERS, clock=clock), Tokens(SECRET, clock=clock))
    assert (await authenticator.authenticate(bearer=token)).user_id == "t"
    with pytest.raises(DependencyDown):
        await authenticator.authenticate(api_key=ApiKey.generate().text)


@pytest.mark.parametrize(
    ("shown", "event"),
    [
        ({}, "credential_missing"),
        ({"api_key": "bp_x"}, "api_key_auth_failed"),
        ({"bearer": "bp_x"}, "api_key_auth_failed"),
        ({"api_key": "x" * 9000}, "api_key_auth_failed"),
        ({"bearer": "x.y.z"}, "token_invalid"),
        ({"bearer": "x" * 9000}, "token_invalid"),
        ({"api_key": "bp_x", "bearer": "y"}, "token_invalid"),
    ],
)
async def test_a_refusal_has_its_name_in_the_audit_trail(
    authenticator: Authenticator, shown: dict[str, str], event: str
) -> None:
    """Nothing of the credential is among the facts."""
    with pytest.raises(Unauthenticated) as caught:
        await authenticator.authenticate(**shown)
    assert caught.value.event == event
    assert not {*shown.values()} & {*caught.value.facts.values()}


async def test_a_caller_says_how_they_were_recognised(authenticator: Authenticator, key: ApiKey, token: str) -> None:
    """The trail has another event for each."""
    assert method_of(await authenticator.authenticate(api_key=key.text)) == "api_key"
    assert method_of(await authenticator.authenticate(bearer=token)) == "jwt"


def test_a_key_has_a_name_before_it_is_known(key: ApiKey, token: str) -> None:
    """Guesses at it are counted by that name; nothing else has one."""
    assert key_id_of(f" {key.text}\t") == key.id
    assert key_id_of(f"{key.text[:-1]}{'0' if key.text[-1] != '0' else '1'}") == key.id
    for other in (None, "", "bp_", key.text[:-1], token, key.text.replace("bp_", "br_")):
        assert key_id_of(other) is None
