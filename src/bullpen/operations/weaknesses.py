"""What is weak about how the operator has set this server up."""

from collections.abc import Callable, Collection, Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from stat import S_IMODE, S_IROTH
from typing import Final

from bullpen.operations.strength import weakness

__all__ = ["cautions", "checker", "weaknesses"]

_SIGNING: Final = ("API_SECRET_KEY", "API_SECRET_KEY_PREVIOUS")
_MAKE_ONE: Final = "Make one with `openssl rand -hex 32`"
_SHORTEST: Final = 32  # bytes; without them nothing can be signed at all


def weaknesses(*, api_secret_key: str | None, api_secret_key_previous: str | None = None) -> list[str]:
    """What a server that others can reach must not start with; each names its variable, none repeats a secret."""
    if api_secret_key is None:
        return [f"API_SECRET_KEY: needed on an address others can reach. {_MAKE_ONE}, or listen on 127.0.0.1."]
    shown = dict(zip(_SIGNING, (api_secret_key, api_secret_key_previous), strict=True))
    return [told for name, value in shown.items() if value for told in _weak(name, value)]


def checker(*, exposed: bool) -> Callable[[str, str], list[str]]:
    """What is wrong with a secret that shall take another's place: what would have kept the server from starting."""

    def problems(name: str, value: str) -> list[str]:
        if name not in _SIGNING:
            return []
        if exposed:
            return list(_weak(name, value))
        return [] if len(value.encode()) >= _SHORTEST else [f"{name}: must have at least {_SHORTEST} bytes."]

    return problems


def cautions(
    *,
    files: Mapping[str, Path],
    trusted_proxies: Collection[str] = (),
    cors_origins: Collection[str] = (),
    log_level: str = "INFO",
) -> list[str]:
    """What may be meant so, and is worth a look.

    Args:
        files: Of secrets and keys, by their variable. Those the whole machine may read are told.
        trusted_proxies: Networks whose word about the client counts.
        cors_origins: Whose pages may call.
        log_level: How much is logged.
    """
    told = [f"{name}: anybody on this machine can read {path}." for name, path in files.items() if _is_open(path)]
    told += [
        f"HTTP__TRUSTED_PROXIES: {each} is everybody, so everybody may say to be anybody."
        for each in trusted_proxies
        if not ip_network(each).prefixlen
    ]
    if "*" in cors_origins:
        told.append("HTTP__CORS_ORIGINS: the pages of every origin may call.")
    if log_level == "DEBUG":
        told.append("LOG_LEVEL: DEBUG logs every request.")
    return told


def _weak(name: str, value: str) -> Iterator[str]:
    why = weakness(value)
    if why:
        yield f"{name}: {why}. {_MAKE_ONE}."


def _is_open(path: Path) -> bool:
    try:
        return bool(S_IMODE(path.stat().st_mode) & S_IROTH)
    except OSError:
        return False
