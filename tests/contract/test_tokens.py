"""Tokens from the settings on: the how-to's examples are loaded, and a provider's tokens open as the page says."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bullpen.bootstrap.tokens import claim_map, open_tokens
from bullpen.caller import Caller
from bullpen.errors import Misconfigured, Unauthenticated
from bullpen.security.authentication import require_factor
from bullpen.security.authorization.document import built_in
from bullpen.settings import Settings
from bullpen.telemetry import Metrics
from tests.stubs.oidc import Oidc
from tests.stubs.pages import PROJECT, blocks

PAGE = PROJECT / "docs" / "howto" / "sign-in-with-a-provider.md"
SECRET = "s" * 64
ENTRA, OKTA, KEYCLOAK = (
    dict(line.split("=", 1) for line in block.splitlines()) for block in blocks(PAGE, language="ini")
)
FIRST = {"AUTH__JWKS_URL": "https://id.example/keys", "AUTH__ISSUER": "https://id.example", "AUTH__TENANT": "acme"}


@pytest.fixture
def oidc() -> Iterator[Oidc]:
    with Oidc() as provider:
        yield provider


def loaded(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> Settings:
    """The settings that these variables make; the files they name are the project's."""
    monkeypatch.chdir(PROJECT)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Settings.load()


async def opened(settings: Settings, token: str) -> Caller:
    async with open_tokens(settings.auth, secret=SECRET, roles=built_in().roles, metrics=Metrics()) as (tokens, _):
        return await tokens.verify(token)


async def signed_in(monkeypatch: pytest.MonkeyPatch, oidc: Oidc, example: Mapping[str, str], **claims: Any) -> Caller:
    """Whom a token is of that the provider of this example has issued; the provider is played by ours."""
    here = {**example, "AUTH__JWKS_URL": oidc.jwks_url, "AUTH__ISSUER": oidc.issuer}
    return await opened(loaded(monkeypatch, here), oidc.token(aud=example["AUTH__AUDIENCE"], **claims))


@pytest.mark.parametrize("example", [ENTRA, OKTA, KEYCLOAK], ids=["entra", "okta", "keycloak"])
async def test_every_example_starts(monkeypatch: pytest.MonkeyPatch, example: Mapping[str, str]) -> None:
    """As it is written, its groups file included; nobody is asked for keys by that alone."""
    settings = loaded(monkeypatch, example)
    assert claim_map(settings.auth).user_id
    assert str(settings.auth.jwks_url) == example["AUTH__JWKS_URL"]


async def test_entra(monkeypatch: pytest.MonkeyPatch, oidc: Oidc) -> None:
    """App roles are roles, the object id is the user, and an authentication context is a second factor."""
    claims = {"oid": "4711", "roles": ["analyst"], "acrs": ["c1"], "scp": "user.read", "tid": "x", "ver": "2.0"}
    caller = await signed_in(monkeypatch, oidc, ENTRA, **claims)
    assert (caller.user_id, caller.tenant) == ("4711", "acme")
    assert caller.roles == {"analyst"}
    assert caller.permissions == frozenset()
    require_factor(caller)


async def test_entra_leaves_groups_out(monkeypatch: pytest.MonkeyPatch, oidc: Oidc) -> None:
    """A user with too many groups is refused with that reason, if groups are asked for as the page says."""
    grouped = {**ENTRA, "AUTH__CLAIMS__GROUPS": "groups", "AUTH__GROUPS_FILE": OKTA["AUTH__GROUPS_FILE"]}
    overage = {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://graph.example"}}}
    with pytest.raises(Unauthenticated, match="leaves out the user's groups"):
        await signed_in(monkeypatch, oidc, grouped, oid="4711", **overage)


async def test_okta(monkeypatch: pytest.MonkeyPatch, oidc: Oidc) -> None:
    """Groups have roles by the file, scopes with the prefix are permissions, and profile fields are attributes."""
    caller = await signed_in(
        monkeypatch,
        oidc,
        OKTA,
        uid="00u1",
        groups=["bullpen-developers", "Everyone"],
        scp=["openid", "bullpen:agent:execute"],
        department="ops",
        clearance_level=2,
        acr="urn:okta:loa:1fa:pwd",
    )
    assert caller.user_id == "00u1"
    assert caller.roles == {"developer"}
    assert caller.permissions == {"agent:execute"}
    assert caller.attributes == {"department": "ops", "clearance_level": 2}
    with pytest.raises(Unauthenticated):
        require_factor(caller)


async def test_keycloak(monkeypatch: pytest.MonkeyPatch, oidc: Oidc) -> None:
    """Realm roles lie one level down, groups are paths, the tenant is a claim, and `2` is a second factor."""
    caller = await signed_in(
        monkeypatch,
        oidc,
        KEYCLOAK,
        realm_access={"roles": ["user", "offline_access"]},
        groups=["/research/analysts"],
        organization_name="acme",
        bullpen={"project": "apollo"},
        acr="2",
    )
    assert (caller.user_id, caller.tenant) == ("ada", "acme")
    assert caller.roles == {"user", "offline_access", "analyst"}
    assert caller.attributes == {"project": "apollo"}
    require_factor(caller)


async def test_a_program_with_our_secret_needs_no_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then issuer and audience are what its tokens must say, and tokens of our own need neither."""
    settings = loaded(monkeypatch, {"AUTH__ISSUER": "login", "AUTH__AUDIENCE": "bullpen"})
    async with open_tokens(settings.auth, secret=SECRET, roles=built_in().roles, metrics=Metrics()) as (tokens, keys):
        assert keys is None
        now = int(time.time())
        claims = {"user_id": "u", "iat": now, "exp": now + 60}
        for good in ({}, {"iss": "login", "aud": "bullpen"}):
            assert (await tokens.verify(tokens.sign(claims | good))).user_id == "u"
        with pytest.raises(Unauthenticated) as caught:
            await tokens.verify(tokens.sign(claims | {"iss": "other", "aud": "bullpen"}))
        assert caught.value.facts["reason"] == "issuer"


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"AUTH__CLAIMS__ROLES": "a..b"}, "names no claim"),
        ({"AUTH__TENANT": "a b"}, "AUTH__TENANT"),
        ({"AUTH__JWKS_URL": "http://id.example/keys"}, "Use https"),
    ],
)
async def test_what_only_the_room_can_see_is_told_at_the_start(
    monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str], told: str
) -> None:
    """A server does not start with it."""
    settings = loaded(monkeypatch, {**FIRST, **variables})
    with pytest.raises(Misconfigured, match=told):
        await opened(settings, "x")


async def test_a_changed_groups_file_is_read_again(monkeypatch: pytest.MonkeyPatch, oidc: Oidc, tmp_path: Path) -> None:
    """A role in it that does not exist is told at the start, with its line."""
    file = tmp_path / "groups.yaml"
    file.write_text("staff: [anlyst]\n")
    here = {"AUTH__JWKS_URL": oidc.jwks_url, "AUTH__ISSUER": oidc.issuer, "AUTH__AUDIENCE": "x"}
    settings = loaded(
        monkeypatch, {**here, "AUTH__TENANT": "acme", "AUTH__CLAIMS__GROUPS": "groups", "AUTH__GROUPS_FILE": str(file)}
    )
    with pytest.raises(Misconfigured, match=r":1: unknown role `anlyst`. Did you mean `analyst`"):
        await opened(settings, oidc.token(aud="x", groups=["staff"]))
    file.write_text("staff: [analyst]\n")
    assert (await opened(settings, oidc.token(aud="x", groups=["staff"]))).roles == {"analyst"}
