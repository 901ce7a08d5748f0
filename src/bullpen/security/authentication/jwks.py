"""The public keys of an identity provider, by its JWKS URL (RFC 7517), in memory and kept fresh."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final, Self

import httpx
import orjson
import structlog

from bullpen.clock import Clock, SystemClock
from bullpen.errors import DependencyDown, Misconfigured
from bullpen.security.authentication.jwt import Header, Key, public_keys

__all__ = ["KeySet"]

_LARGEST: Final = 256 * 1024
_MOST_KEYS: Final = 100
_OK: Final = 200
# Nothing compressed: what is small on the way can be huge here.
_ASKED: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}

_log = structlog.get_logger("bullpen.authentication")


class KeySet:
    """Finds the key a token was signed with.

    `async with KeySet(...)` fetches the keys and keeps them fresh until the block ends. A request whose key is known
    waits for nothing. An unknown key is asked for at most once every `cooldown` seconds, whoever asks: all who wait
    share one fetch, and what was asked for in between is fetched as soon as the time has passed.

    Failure mode: the last known keys stand for `stale_after` seconds, also when the provider answers with nonsense.
    From then on, and before the first answer, it is closed: `DependencyDown`.

    Attributes:
        version: Another one whenever the keys have changed.
    """

    def __init__(
        self,
        url: str,
        *,
        algorithms: Collection[str],
        cooldown: float = 30.0,
        refresh_every: float = 300.0,
        stale_after: float = 86_400.0,
        patience: float = 5.0,
        clock: Clock | None = None,
    ) -> None:
        """Opens nothing yet.

        Args:
            url: Where the keys are; `https`, unless on this machine.
            algorithms: What tokens may be signed with; other keys are left out.
            cooldown: Least time between two fetches, seconds.
            refresh_every: Time between two fetches that nobody asked for, seconds.
            stale_after: How long the last known keys stand, seconds.
            patience: Longest wait for the provider, seconds.
            clock: Tells what is stale.

        Raises:
            Misconfigured: Anybody on the way could change what comes from this URL.
        """
        parts = _address(url)
        self._url = url
        self._algorithms = frozenset(algorithms)
        self._cooldown = cooldown
        self._refresh_every = max(refresh_every, cooldown)
        self._stale_after = stale_after
        self._patience = patience
        self._clock = clock or SystemClock()
        # The environment may name a proxy, which may be the only way out; there is none to this machine.
        self._client = httpx.AsyncClient(timeout=patience, trust_env=not _is_here(parts.host))
        self._keys: Mapping[tuple[str | None, str], Key] = {}
        self._ids: frozenset[str | None] = frozenset()
        self._document: list[Any] = []
        self.version = 0
        self._fresh_at = self._asked_at = float("-inf")
        self._away: str | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._background: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begins even when the provider is away: its users are then told to come back."""
        await self._share()
        self._background = asyncio.create_task(self._keep_fresh(), name="token-keys")
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in (self._background, self._fetching):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await self._client.aclose()

    @property
    def stale(self) -> bool:
        """Whether the keys are too old to be trusted."""
        return self._clock.monotonic() - self._fresh_at > self._stale_after

    @property
    def age(self) -> float:
        """Seconds since the provider last told its keys; infinite before the first time."""
        return self._clock.monotonic() - self._fresh_at

    async def check(self) -> None:
        """Whether the provider answered when it was last asked.

        Raises:
            DependencyDown: It did not.
        """
        if self._away is not None:
            raise DependencyDown("The identity provider does not tell its keys. Look after it, and at AUTH__JWKS_URL.")

    def known(self, header: Header) -> Key | None:
        """The key the token names, or the only one there is when it names none; None when it must be looked for."""
        return None if self.stale else self._keys.get((header.key_id, header.algorithm))

    async def find(self, header: Header) -> Key | None:
        """The same, after asking the provider if need be; None when there is no such key.

        Raises:
            DependencyDown: There are no keys that can be trusted.
        """
        found = self.known(header)
        if found is None and (self.stale or header.key_id not in self._ids):
            await self._ask()
            found = self.known(header)
        if found is None and self.stale:
            raise DependencyDown(
                "Tokens of the identity provider cannot be checked now. Try again in a moment.",
                retry_after=self._cooldown,
            )
        return found

    async def _ask(self) -> None:
        """Fetches the keys, unless that was done just now; then it will be done as soon as it may."""
        rested = self._clock.monotonic() - self._asked_at >= self._cooldown
        if rested or self._fetching is not None:
            await self._share()
        else:
            self._wanted.set()

    async def _share(self) -> None:
        """Waits for the fetch that is on its way, or begins one. It goes on when the one who waits leaves."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch(), name="token-keys-fetch")
        await asyncio.wait((self._fetching,))

    async def _keep_fresh(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._cooldown if self._away else self._refresh_every):
                    await self._wanted.wait()
            # Somebody may have fetched meanwhile.
            await asyncio.sleep(max(0.0, self._asked_at + self._cooldown - self._clock.monotonic()))
            await self._share()

    async def _fetch(self) -> None:
        self._asked_at = self._clock.monotonic()
        self._wanted.clear()
        try:
            async with asyncio.timeout(self._patience):
                document = _entries(await self._download())
            self._take(document)
        except Exception as error:  # noqa: BLE001 -- whatever a provider does to the client, the last known keys stand
            self._tell(f"{type(error).__name__}: {error}"[:200])
        else:
            self._tell(None)
        finally:
            self._fetching = None

    async def _download(self) -> bytes:
        async with self._client.stream("GET", self._url, headers=_ASKED) as response:
            if response.status_code != _OK:
                raise ValueError(f"the status is {response.status_code}")
            body = bytearray()
            async for part in response.aiter_raw():
                body += part
                if len(body) > _LARGEST:
                    raise ValueError(f"there are more than {_LARGEST // 1024} KiB")
        return bytes(body)

    def _take(self, document: list[Any]) -> None:
        if document != self._document:
            keys = [key for entry in document for key in public_keys(entry, algorithms=self._algorithms)]
            if not keys:
                raise ValueError("there is no key that may be used")
            self._keys = _by_name(keys)
            self._ids = frozenset(key.id for key in keys) | {None}
            self._document = document
            self.version += 1
        self._fresh_at = self._asked_at

    def _tell(self, away: str | None) -> None:
        if away and not self._away:
            _log.warning("token_keys_away", url=self._url, cause=away, stale_after=self._stale_after)
        if self._away and not away:
            _log.info("token_keys_back", url=self._url)
        self._away = away


def _entries(body: bytes) -> list[Any]:
    document = orjson.loads(body)
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not 1 <= len(entries) <= _MOST_KEYS:
        raise ValueError("this is not a set of keys")
    return entries


def _by_name(keys: list[Key]) -> dict[tuple[str | None, str], Key]:
    """Keys by name and algorithm. Of two with one name the first counts; one that is alone needs no name."""
    found: dict[tuple[str | None, str], Key] = {}
    for key in keys:
        found.setdefault((key.id, key.algorithm), key)
        alike = [each for each in keys if each.algorithm == key.algorithm]
        if len(alike) == 1:
            found[None, key.algorithm] = key
    return found


def _address(url: str) -> httpx.URL:
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise Misconfigured(f"AUTH__JWKS_URL: {url} is not a URL. Write it like https://id.example/keys.") from error
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_here(parts.host)):
        raise Misconfigured(
            f"AUTH__JWKS_URL: keys cannot be trusted from {url}: anybody on the way could change them. Use https."
        )
    return parts


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
