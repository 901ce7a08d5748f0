"""OpenAI's `POST /v1/chat/completions`, both ways."""

import json
import time
from collections.abc import Mapping
from typing import Any, Final

from tests.stubs.behaviour import INPUT_TOKENS, OUTPUT_TOKENS, SECRET, Ask, Reply

__all__ = ["answer", "failure", "failure_event", "read", "stream"]

_KINDS: Final = {
    400: ("invalid_request_error", "invalid_value"),
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}
_USAGE: Final = {
    "prompt_tokens": INPUT_TOKENS,
    "completion_tokens": OUTPUT_TOKENS,
    "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}


def read(body: Mapping[str, Any]) -> Ask:
    messages = body["messages"]
    wanted = body.get("response_format") or {}
    return Ask(
        model=body["model"],
        messages=[(message["role"], _text(message.get("content"))) for message in messages],
        tools=[(tool["function"]["name"], tool["function"].get("parameters", {})) for tool in body.get("tools") or ()],
        schema=wanted.get("json_schema", {}).get("schema"),
        stream=bool(body.get("stream")),
        usage_in_stream=bool((body.get("stream_options") or {}).get("include_usage")),
        tool_result=_text(messages[-1].get("content")) if messages[-1]["role"] == "tool" else None,
    )


def answer(ask: Ask, reply: Reply) -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None, "refusal": None}
    if reply.tool:
        message["tool_calls"] = [_call(reply, arguments=reply.arguments)]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(reply)}
    choices = [choice] if reply.text or reply.tool else []
    return json.dumps(_envelope(ask, "chat.completion") | {"choices": choices, "usage": _USAGE}).encode()


def stream(ask: Ask, reply: Reply) -> list[bytes]:
    deltas: list[dict[str, Any]] = []
    if reply.tool:
        half = len(reply.arguments) // 2
        deltas = [
            {"tool_calls": [{"index": 0, **_call(reply, arguments="")}]},
            *(
                {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}
                for part in _halves(reply.arguments, half)
            ),
        ]
    deltas += [{"content": word} for word in reply.words]
    chunks = [_chunk(ask, delta) for delta in deltas]
    if chunks:
        chunks = [_chunk(ask, {"role": "assistant", "content": ""}), *chunks, _chunk(ask, {}, finish=_finish(reply))]
    if ask.usage_in_stream:
        chunks.append(_envelope(ask, "chat.completion.chunk") | {"choices": [], "usage": _USAGE})
    return [*(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks), b"data: [DONE]\n\n"]


def failure(status: int) -> bytes:
    kind, code = _KINDS.get(status, ("server_error", "server_error"))
    message = f"The stub provider says {status}. {SECRET}"
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()


def failure_event() -> bytes:
    return b"data: " + failure(500) + b"\n\n"


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or ""


def _envelope(ask: Ask, kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-stub", "object": kind, "created": int(time.time()), "model": ask.model}


def _chunk(ask: Ask, delta: Mapping[str, Any], *, finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return _envelope(ask, "chat.completion.chunk") | {"choices": [choice]}


def _call(reply: Reply, *, arguments: str) -> dict[str, Any]:
    return {"id": "call_stub", "type": "function", "function": {"name": reply.tool, "arguments": arguments}}


def _halves(text: str, at: int) -> tuple[str, str]:
    return text[:at], text[at:]


def _finish(reply: Reply) -> str:
    return "tool_calls" if reply.tool else "stop"
