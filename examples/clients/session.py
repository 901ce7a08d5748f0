"""Keeps a session: exchanges an API key for tokens once, and refreshes them before they end.

    python examples/clients/session.py "What is 17 * 23?" "What is 6 * 7?"

The address is BULLPEN_URL, the key BULLPEN_API_KEY or what `make run` wrote into `.bullpen/api-key`.
"""

import os
import sys
import time
from collections.abc import Generator
from pathlib import Path

import httpx

URL = os.environ.get("BULLPEN_URL", "http://127.0.0.1:8000")
EARLY = 60.0  # refresh so many seconds before the end: a request under way must not meet it


def api_key() -> str:
    """The key to show, once."""
    return os.environ.get("BULLPEN_API_KEY") or Path(".bullpen/api-key").read_text(encoding="ascii").strip()


class Session(httpx.Auth):
    """Shows an access token with every request; for one thread.

    Let one object serve all requests of a program: a refresh token that is sent a second time ends the session, because
    it may have been stolen.
    """

    def __init__(self, url: str, key: str, *, early: float = EARLY) -> None:
        self._url = httpx.URL(url)
        self._key = key
        self._early = early
        self._access = self._refresh = ""
        self._until = 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Gets tokens first if there are none that last, and once more if the server no longer takes them."""
        if time.monotonic() > self._until - self._early:
            yield from self._renew()
        request.headers["Authorization"] = f"Bearer {self._access}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            yield from self._renew()
            request.headers["Authorization"] = f"Bearer {self._access}"
            yield request

    def _renew(self) -> Generator[httpx.Request, httpx.Response, None]:
        """New tokens for the refresh token, or, when that is spent, ended or was never there, for the key."""
        # Forgotten before it is sent: whatever becomes of the answer, it is never sent again.
        refresh, self._refresh = self._refresh, ""
        if refresh:
            answer = yield httpx.Request("POST", self._at("/auth/refresh"), json={"refresh_token": refresh})
            if answer.is_success:
                self._keep(answer)
                return
        answer = yield httpx.Request("POST", self._at("/auth/token"), headers={"X-API-Key": self._key})
        self._keep(answer)

    def _keep(self, answer: httpx.Response) -> None:
        answer.read()
        tokens = answer.raise_for_status().json()
        self._access, self._refresh = tokens["access_token"], tokens["refresh_token"]
        self._until = time.monotonic() + tokens["expires_in"]

    def _at(self, path: str) -> httpx.URL:
        return self._url.copy_with(path=path)


def main(tasks: list[str]) -> int:
    """Asks every question in one session, and ends with 1 if any was not answered."""
    with httpx.Client(base_url=URL, auth=Session(URL, api_key()), timeout=330) as client:
        answers = [ask(client, task) for task in tasks]
    return 0 if all(answers) else 1


def ask(client: httpx.Client, task: str) -> bool:
    """Prints an answer, or what went wrong, and says which it was."""
    try:
        response = client.post("/agent/execute", json={"agent_type": "general", "task": task}).raise_for_status()
    except httpx.HTTPStatusError as error:  # of the run, or of the exchange before it
        problem = error.response.json()
        print(f"{problem['title']}: {problem['detail']}", file=sys.stderr)
        return False
    print(response.json()["result"])
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["What is 17 * 23?"]))
