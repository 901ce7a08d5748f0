"""Asks an agent one question.

    python examples/clients/execute.py "What is 17 * 23?"

The address is BULLPEN_URL, the key BULLPEN_API_KEY or what `make run` wrote into `.bullpen/api-key`.
"""

import os
import sys
from pathlib import Path

import httpx

URL = os.environ.get("BULLPEN_URL", "http://127.0.0.1:8000")


def api_key() -> str:
    """The key to show."""
    return os.environ.get("BULLPEN_API_KEY") or Path(".bullpen/api-key").read_text(encoding="ascii").strip()


def main(task: str) -> int:
    """Prints the answer, or what went wrong and whether to try again."""
    with httpx.Client(base_url=URL, headers={"X-API-Key": api_key()}, timeout=330) as client:
        response = client.post("/agent/execute", json={"agent_type": "general", "task": task})
    answer = response.json()
    if response.is_success:
        print(answer["result"])
        print(f"{answer['model']}, {answer['duration']:.2f} s, ${answer['usage']['cost_usd']:.6f}", file=sys.stderr)
        return 0
    # Every error is a problem document: `type` is for programs, `detail` for people, `request_id` for the server's log.
    print(f"{answer['title']}: {answer['detail']} ({answer['request_id']})", file=sys.stderr)
    if "Retry-After" in response.headers:
        print(f"Try again in {response.headers['Retry-After']} s.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:]) or "What is 17 * 23?"))
