"""What claims mean, wherever a provider puts them."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullpen.caller import Caller
from bullpen.errors import Misconfigured, Unauthenticated
from bullpen.security.authentication.claims import OWN, ClaimMap, claim_path

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
EVERY = ClaimMap(
    tenant=("tid",),
    fixed_tenant=None,
    roles=("realm_access", "roles"),
    groups=("groups",),
    permissions=("scope",),
    scopes=True,
    permission_prefix="bullpen/",
    attributes={"department": ("dept",), "clearance_level": ("level",), "project": ("p",)},
    mfa_acr_values=frozenset({"urn:two"}),
)
ADA: dict[str, Any] = {"sub": "ada", "tid": "acme"}


def caller(claims: dict[str, Any], mapped: ClaimMap = EVERY) -> Caller:
    return mapped.caller(claims, credential="jwt", roles_of=lambda groups: frozenset(f"of-{each}" for each in groups))


def reason(claims: dict[str, Any], mapped: ClaimMap = EVERY) -> str:
    with pytest.raises(Unauthenticated) as caught:
        caller(claims, mapped)
    return f"{caught.value.facts['reason']} {caught.value.facts.get('claim', '')}".strip()


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("roles", ("roles",)),
        ("realm_access.roles", ("realm_access", "roles")),
        ('resource_access."my.client".roles', ("resource_access", "my.client", "roles")),
        ('"a.b"', ("a.b",)),
        ("https://example.com/roles", ("https://example.com/roles",)),
        ('"https://example.com/claims".roles', ("https://example.com/claims", "roles")),
        ("cognito:groups", ("cognito:groups",)),
    ],
)
def test_a_claim_is_named_by_its_path(text: str, steps: tuple[str, ...]) -> None:
    """Dots go inside, quotes keep them, and a URL is one name."""
    assert claim_path(text) == steps


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", '"a', 'a"b"', '""', '"a"b'])
def test_what_is_no_path_is_a_mistake_of_the_operator(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(Misconfigured, match="names no claim"):
        claim_path(text)


def test_every_claim_arrives() -> None:
    """From where the map says, and under our names."""
    found = caller(
        ADA
        | {
            "realm_access": {"roles": ["user"]},
            "groups": ["staff"],
            "scope": "openid bullpen/data:read bullpen/ bullpen/agent:read",
            "dept": "ops",
            "level": "2",
            "p": 7,
            "amr": ["pwd", "otp"],
        }
    )
    assert (found.user_id, found.tenant) == ("ada", "acme")
    assert found.roles == {"user", "of-staff"}
    assert found.permissions == {"data:read", "agent:read"}
    assert found.attributes == {"department": "ops", "clearance_level": 2, "project": 7}
    assert found.factors == {"pwd", "otp", "mfa"}


def test_a_foreign_asterisk_is_not_every_permission() -> None:
    """Among scopes it counts only with a prefix; in a token of our own it is what it says."""
    bare = ClaimMap(permissions=("scope",), scopes=True)
    assert caller({"sub": "ada", "scope": "* data:read"}, bare).permissions == {"data:read"}
    assert caller(ADA | {"scope": "bullpen/*"}).permissions == {"*"}
    assert caller({"sub": "ada", "permissions": ["*"]}, OWN).permissions == {"*"}


def test_a_reserved_user_cannot_be_claimed() -> None:
    """Whoever a provider calls like the first key's owner does not see what is that one's own."""
    mapped = ClaimMap(tenant=("tid",), reserved=frozenset({("default", "admin")}))
    assert reason({"sub": "admin", "tid": "default"}, mapped) == "reserved_user"
    assert reason({"sub": "admin"}, mapped) == "reserved_user"
    assert caller({"sub": "admin", "tid": "acme"}, mapped).tenant == "acme"
    assert caller({"sub": "Admin", "tid": "default"}, mapped).user_id == "Admin"


def test_a_claim_that_is_not_named_says_nothing() -> None:
    """A provider's token grants only what the operator has asked it about."""
    claims = ADA | {"roles": ["admin"], "permissions": ["*"], "scope": "*", "groups": ["x"], "attributes": {"a": 1}}
    found = caller(claims | {"tenant": "other", "clearance_level": 9}, ClaimMap())
    assert (found.roles, found.permissions, found.attributes) == (frozenset(), frozenset(), {})
    assert found.tenant == "default"


def test_the_user_is_named_by_the_first_claim_there_is() -> None:
    """A null is there, and names nobody."""
    assert caller({"sub": "s", "user_id": "u"}, ClaimMap()).user_id == "u"
    assert caller({"sub": "s", "user_id": "u"}, ClaimMap(user_id=(("sub",),))).user_id == "s"
    assert reason({"sub": "s", "user_id": None}, ClaimMap()) == "claim user_id"
    assert reason({"tid": "acme"}) == "claim user_id"


def test_a_tenant_that_is_missing_or_none_is_refused() -> None:
    """Nobody falls into somebody else's tenant."""
    for claims in ({"sub": "ada"}, ADA | {"tid": "a:b"}, ADA | {"tid": None}, ADA | {"tid": ["acme"]}):
        assert reason(claims) == "claim tenant"
    assert caller(ADA, ClaimMap(fixed_tenant="ours")).tenant == "ours"


@pytest.mark.parametrize(
    "more",
    [
        {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://graph.example"}}},
        {"hasgroups": True},
        {"groups": ["staff"], "hasgroups": True},
    ],
)
def test_groups_that_were_left_out_for_length_are_not_no_groups(more: dict[str, Any]) -> None:
    """The token is refused and says so, for its owner can mend it; without groups in the map it does not matter."""
    with pytest.raises(Unauthenticated, match="leaves out the user's groups") as caught:
        caller(ADA | more)
    assert caught.value.facts == {"reason": "groups_left_out"}
    assert caller(ADA | more, ClaimMap()).roles == frozenset()


def test_other_claims_may_be_left_out() -> None:
    """Only groups are asked about."""
    assert caller(ADA | {"_claim_names": {"photo": "src1"}}).user_id == "ada"
    assert reason(ADA | {"_claim_names": "groups"}) == "claim _claim_names"


@pytest.mark.parametrize(
    ("more", "claim"),
    [
        ({"realm_access": {"roles": "admin"}}, "realm_access.roles"),
        ({"realm_access": {"roles": [1]}}, "realm_access.roles"),
        ({"realm_access": {"roles": None}}, "realm_access.roles"),
        ({"groups": {"a": 1}}, "groups"),
        ({"scope": 7}, "scope"),
        ({"level": "high"}, "clearance_level"),
        ({"level": "\uff19"}, "clearance_level"),
        ({"level": 1.5}, "clearance_level"),
        ({"level": True}, "clearance_level"),
        ({"dept": ["ops"]}, "attributes"),
        ({"dept": "a\nb"}, "attributes"),
        ({"amr": 7}, "amr"),
    ],
)
def test_a_claim_of_the_wrong_kind_is_refused(more: dict[str, Any], claim: str) -> None:
    """A signature does not make nonsense true."""
    assert reason(ADA | more) == f"claim {claim}"


def test_an_attribute_that_is_not_there_is_left_out() -> None:
    """As is one that is null; a parent that is no object has nothing in it."""
    assert caller(ADA | {"dept": None, "realm_access": "x"}).attributes == {}


def test_a_context_class_may_mean_a_second_factor() -> None:
    """If the operator says so."""
    acr: object
    for acr in ("urn:two", ["urn:one", "urn:two"]):
        assert caller(ADA | {"acr": acr}).factors == {"mfa"}
    for acr in ("urn:one", 2, None, [], [2], {"urn:two": 1}):
        assert caller(ADA | {"acr": acr}).factors == frozenset()


@given(st.sampled_from(["sub", "tid", "realm_access", "groups", "scope", "dept", "level", "amr", "acr"]), JSON)
def test_no_claim_breaks_the_server(name: str, value: object) -> None:
    """Whatever it holds, there is a caller or a refusal; and a name for the trail or none."""
    with suppress(Unauthenticated):
        assert caller(ADA | {name: value}).user_id
    assert set(EVERY.about(ADA | {name: value})) <= {"user_id"}


@given(st.dictionaries(st.sampled_from(["_claim_names", "hasgroups", "roles", "attributes", "tenant"]), JSON))
def test_no_claim_of_our_own_breaks_the_server(more: dict[str, object]) -> None:
    """The same for tokens of our own."""
    with suppress(Unauthenticated):
        assert caller(ADA | more, OWN).user_id
