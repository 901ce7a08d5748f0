"""A provider's tokens at the door of the real server."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.stubs.oidc import AUDIENCE, Oidc
from tests.stubs.serving import Server, bullpen
from tests.stubs.tokens import SECRET, token


@pytest.fixture(scope="module")
def oidc() -> Iterator[Oidc]:
    with Oidc() as provider:
        yield provider


@pytest.fixture(scope="module")
def server(oidc: Oidc, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    groups = folder / "groups.yaml"
    groups.write_text("staff: [user]\n")
    settings = {
        "MODEL_NAME": "offline",
        "API_SECRET_KEY": SECRET,
        "AUTH__JWKS_URL": oidc.jwks_url,
        "AUTH__ISSUER": oidc.issuer,
        "AUTH__AUDIENCE": AUDIENCE,
        "AUTH__TENANT": "acme",
        "AUTH__CLAIMS__GROUPS": "groups",
        "AUTH__GROUPS_FILE": str(groups),
        "AUTH__JWKS_COOLDOWN": "0.05",
        "AUTH__MFA_ROUTES": "/agents/*",
        "AUTH__MFA_ACR_VALUES": "gold",
    }
    with Server(folder, settings=settings) as running:
        yield running


def shown(server: Server, bearer: str, path: str = "/agents") -> httpx.Response:
    with server.client(key="", headers={"Authorization": f"Bearer {bearer}"}) as client:
        return client.get(path)


@pytest.mark.parametrize("kid", ["rsa-0", "ec-0"])
def test_a_providers_token_opens(server: Server, oidc: Oidc, kid: str) -> None:
    """With what its groups are allowed, and beside tokens of our own."""
    assert shown(server, oidc.token(kid, groups=["staff"])).status_code == 200
    assert shown(server, token()).status_code == 200


def test_a_token_without_a_known_group_may_nothing(server: Server, oidc: Oidc) -> None:
    """It is known who they are: 403, not 401."""
    assert shown(server, oidc.token(groups=["strangers"], roles=["admin"], scope="*")).status_code == 403


def test_groups_that_were_left_out_are_told(server: Server, oidc: Oidc) -> None:
    """Its owner can mend it, and nobody else learns anything."""
    answer = shown(server, oidc.token(hasgroups=True))
    assert answer.status_code == 401
    assert "leaves out the user's groups" in answer.json()["detail"]


def test_a_route_may_ask_for_a_second_factor(server: Server, oidc: Oidc) -> None:
    """A token that has one opens it; one that has not, and the administrator's key, are told what to do."""
    path = "/agents/general"
    for factors in ({"amr": ["pwd", "otp"]}, {"acr": "gold"}):
        assert shown(server, oidc.token(groups=["staff"], **factors), path).status_code == 200
    with server.client() as client:
        answers = [client.get(path), shown(server, oidc.token(groups=["staff"], amr=["pwd"]), path)]
    for answer in answers:
        assert answer.status_code == 401
        assert 'error="insufficient_user_authentication"' in answer.headers["WWW-Authenticate"]


def test_a_pattern_that_guards_nothing_stops_the_start(tmp_path: Path) -> None:
    """A route's own address, or a typing error, would ask nobody for a second factor, and nobody would know."""
    settings = {"MODEL_NAME": "offline", "AUTH__MFA_ROUTES": "/security/*,/security/keys/abc,/secrets/*"}
    done = bullpen("serve", "--port", "0", folder=tmp_path, settings=settings)
    assert (done.returncode, "Traceback" in done.stdout) == (2, False)
    for wrong in ("/security/keys/abc", "/secrets/*"):
        assert f"AUTH__MFA_ROUTES: `{wrong}` fits no route" in done.stdout
    assert "`/security/*`" not in done.stdout
    assert "/security/keys/{key_id}" in done.stdout


def test_the_provider_may_be_away(server: Server, oidc: Oidc) -> None:
    """Whoever's key is known goes on, and a token need not have been seen."""
    oidc.mood = "down"
    try:
        assert shown(server, oidc.token(groups=["staff"], jti="new")).status_code == 200
    finally:
        oidc.mood = "up"


def test_bad_tokens_are_refused_alike(server: Server, oidc: Oidc) -> None:
    """401, with one text and the challenge, whatever was wrong; and the log has neither them nor the secret in it."""
    _, body, signature = oidc.token(groups=["staff"]).split(".")
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).rstrip(b"=").decode()
    bad = [
        f"{none}.{body}.{signature}",
        oidc.token(header={"kid": "../../etc/passwd"}),
        oidc.token(exp=1),
        oidc.token(aud="x"),
        token(iss=oidc.issuer, aud=AUDIENCE),
    ]
    answers = [shown(server, each) for each in bad]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.json()["detail"] for answer in answers} == {"The token is not valid."}
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {'Bearer realm="bullpen"'}
    assert not any(part in server.output() for each in bad for part in each.split("."))
    assert SECRET not in server.output()
