"""Settings of authentication that make sense only together."""

import pytest

from bullpen.errors import Misconfigured
from bullpen.settings import Settings

NOBODYS = {"AUTH__JWKS_URL": "http://127.0.0.1:9/keys", "AUTH__ISSUER": "https://id.example"}
PROVIDER = {**NOBODYS, "AUTH__TENANT": "acme"}


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"AUTH__JWKS_URL": "http://127.0.0.1:9/keys"}, "AUTH__JWKS_URL needs AUTH__ISSUER"),
        (NOBODYS, "AUTH__JWKS_URL needs AUTH__TENANT or AUTH__CLAIMS__TENANT"),
        ({"AUTH__TENANT": "acme"}, "AUTH__TENANT needs AUTH__JWKS_URL"),
        ({"AUTH__CLAIMS__ROLES": "roles"}, "AUTH__CLAIMS needs AUTH__JWKS_URL"),
        ({**PROVIDER, "AUTH__CLAIMS__GROUPS": "groups"}, "AUTH__CLAIMS__GROUPS needs AUTH__GROUPS_FILE"),
        ({"AUTH__GROUPS_FILE": "groups.yaml"}, "AUTH__GROUPS_FILE needs AUTH__CLAIMS__GROUPS"),
        ({**PROVIDER, "AUTH__CLAIMS__TENANT": "tid"}, "excludes AUTH__CLAIMS__TENANT"),
        ({"AUTH__MFA_ROUTES": "/audit/*,security/*"}, "`security/.` must begin with `/`"),
        ({**PROVIDER, "AUTH__ALGORITHMS": "HS256"}, "AUTH__ALGORITHMS"),
        ({**PROVIDER, "AUTH__ALGORITHMS": "none,RS256"}, "AUTH__ALGORITHMS"),
        ({**PROVIDER, "AUTH__ALGORITHMS": "[]"}, "AUTH__ALGORITHMS"),
    ],
)
def test_settings_that_contradict_one_another_are_told(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], told: str
) -> None:
    """Nothing that was set is left without effect in silence."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured, match=told):
        Settings.load()


def test_a_whole_provider_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words with commas make a list here too."""
    for name, value in {**PROVIDER, "AUTH__ALGORITHMS": "RS256, EdDSA", "AUTH__AUDIENCE": "bullpen"}.items():
        monkeypatch.setenv(name, value)
    auth = Settings.load().auth
    assert (auth.algorithms, auth.audience) == (("RS256", "EdDSA"), ("bullpen",))
