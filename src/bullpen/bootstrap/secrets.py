"""The operator's secrets, and who follows them when their files change."""

from collections.abc import Callable, Mapping
from functools import partial

from bullpen.llm import Models
from bullpen.operations.weaknesses import checker
from bullpen.security.audit import Notary
from bullpen.security.authentication import Peppers, Tokens
from bullpen.settings import FileSecret, Settings
from bullpen.stores.secrets import Held, Secrets
from bullpen.telemetry import Metrics

__all__ = ["follow_models", "follow_signing", "secrets_of"]

_SIGNING = "API_SECRET_KEY"


def secrets_of(settings: Settings, *, metrics: Metrics, exposed: bool) -> Secrets:
    """Every secret that is set; nothing is watched before `start`."""
    held = {
        name: Held(each.get_secret_value(), each.file if isinstance(each, FileSecret) else None)
        for name, each in settings.secrets().items()
    }
    return Secrets(
        held,
        metrics=metrics,
        check=checker(exposed=exposed),
        overlap=settings.secret.overlap,
        every=settings.secret.reload_every,
    )


def follow_models(secrets: Secrets, models: Models, settings: Settings) -> None:
    """Calls providers and endpoints with the keys of the moment."""
    renewals: Mapping[str, Callable[[str], None]] = {
        f"{provider.upper()}_API_KEY": partial(models.renew, provider) for provider in ("openai", "anthropic")
    } | {f"ENDPOINTS__{name.upper()}__API_KEY": partial(models.renew_endpoint, name) for name in settings.endpoints}
    for variable, renew in renewals.items():
        if variable in secrets.files:
            secrets.subscribe({variable}, partial(_renew, secrets, variable, renew))


def follow_signing(secrets: Secrets, *, tokens: Tokens, peppers: Peppers, notary: Notary) -> None:
    """Signs and digests with the secret of the moment, and goes on accepting those before it."""

    def replace() -> None:
        newest, *older = secrets.accepted(_SIGNING)
        tokens.replace_secrets(newest, older=older)
        peppers.replace(newest, *older)
        notary.use(newest, previous=older)

    secrets.subscribe({_SIGNING, f"{_SIGNING}_PREVIOUS"}, replace)


def _renew(secrets: Secrets, variable: str, renew: Callable[[str], None]) -> None:
    key = secrets.current(variable)
    if key:
        renew(key)
