"""Every way a provider can fail, as one of our kinds."""

import json
from email.utils import formatdate
from itertools import pairwise
from math import ceil
from typing import Any

import aiohttp
import anthropic
import httpx2
import openai
import pytest
from agno.exceptions import (
    ContextWindowExceededError,
    ModelAuthenticationError,
    ModelProviderError,
    ModelRateLimitError,
    RetryableModelProviderError,
)

from bullpen.errors import (
    BullpenError,
    DeadlineExceeded,
    ModelBusy,
    ModelCredentials,
    ModelFailed,
    ModelNonsense,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
)
from bullpen.llm.failures import ModelCallFailed, classify, deadline_exceeded, headers_of, nonsense, timed_out
from bullpen.llm.ports import ModelName
from tests.stubs.clock import StillClock

MODEL = ModelName("openai", "gpt-4o")
SECRET = "what the provider said"
REQUEST = httpx2.Request("POST", "http://127.0.0.1/v1")
NOW = 1_000_000_000.0


def status_error(status: int, *, sdk: Any = openai, **headers: str) -> Exception:
    response = httpx2.Response(status, request=REQUEST, headers={k.replace("_", "-"): v for k, v in headers.items()})
    error: Exception = sdk.APIStatusError(SECRET, response=response, body=None)
    return error


def caused(*causes: BaseException, wrapped: bool = True) -> Exception:
    """The first caused by the second and so on, inside Agno's own wrapping with its own status 502."""
    chain = [ModelProviderError(SECRET) if wrapped else RuntimeError(SECRET), *causes]
    for outer, inner in pairwise(chain):
        outer.__cause__ = inner
    return chain[0]  # type: ignore[return-value] # made two lines above


def connector_error() -> aiohttp.ClientConnectorError:
    return aiohttp.ClientConnectorError(connection_key=None, os_error=ConnectionRefusedError())  # type: ignore[arg-type] # only its class matters


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ModelRejected),
        (401, ModelCredentials),
        (402, ModelCredentials),
        (403, ModelCredentials),
        (404, ModelRejected),
        (408, ModelTimeout),
        (413, ModelRejected),
        (422, ModelRejected),
        (429, ModelBusy),
        (500, ModelUnavailable),
        (502, ModelUnavailable),
        (503, ModelUnavailable),
        (529, ModelBusy),
    ],
)
@pytest.mark.parametrize("sdk", [openai, anthropic])
def test_a_status_of_the_providers_decides(status: int, kind: type[ModelFailed], sdk: Any) -> None:
    """It is read off the SDK's exception, or off Agno's when there is no other."""
    assert type(classify(caused(status_error(status, sdk=sdk)), MODEL)) is kind
    assert type(classify(ModelProviderError(SECRET, status_code=status), MODEL)) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ModelRateLimitError(SECRET), ModelBusy),
        (RetryableModelProviderError(SECRET), ModelNonsense),
        (ContextWindowExceededError(SECRET), ModelRejected),
        (ModelAuthenticationError(SECRET), ModelCredentials),
        (caused(openai.APITimeoutError(REQUEST)), ModelTimeout),
        (caused(anthropic.APITimeoutError(REQUEST)), ModelTimeout),
        (caused(openai.APITimeoutError(REQUEST), httpx2.ReadTimeout(""), TimeoutError()), ModelTimeout),
        (caused(httpx2.ConnectTimeout("")), ModelTimeout),
        (caused(aiohttp.ServerTimeoutError()), ModelTimeout),
        (TimeoutError(), ModelTimeout),
        (caused(openai.APITimeoutError(REQUEST), httpx2.ConnectTimeout(""), connector_error()), ModelUnavailable),
        (
            caused(openai.APITimeoutError(REQUEST), httpx2.ConnectTimeout(""), aiohttp.ServerDisconnectedError()),
            ModelUnavailable,
        ),
        (caused(anthropic.APIConnectionError(request=REQUEST)), ModelUnavailable),
        (caused(httpx2.RemoteProtocolError("")), ModelUnavailable),
        (caused(aiohttp.ClientPayloadError()), ModelUnavailable),
        (caused(ConnectionResetError()), ModelUnavailable),
        (caused(openai.APIError(SECRET, REQUEST, body=None)), ModelUnavailable),
        (caused(ModelRateLimitError(SECRET), status_error(200)), ModelBusy),
        (caused(json.JSONDecodeError(SECRET, "", 0)), ModelNonsense),
        (caused(IndexError(SECRET)), ModelNonsense),
        (caused(AttributeError(SECRET)), ModelNonsense),
        (caused(TypeError(SECRET), wrapped=False), ModelNonsense),
        (caused(openai.APIResponseValidationError(httpx2.Response(200, request=REQUEST), None)), ModelNonsense),
        (RuntimeError(SECRET), ModelUnavailable),
    ],
)
def test_the_cause_decides(error: Exception, kind: type[ModelFailed]) -> None:
    """Agno's status 502 says nothing, and an SDK's "timeout" may be a refused connection: the innermost cause knows."""
    assert type(classify(error, MODEL)) is kind


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("7", 7.0),
        ("8.59702", 8.59702),
        ("0.5", 0.5),
        (formatdate(NOW + 30, usegmt=True), 30.0),
        (formatdate(NOW - 30, usegmt=True), 0.0),
        ("Sun, 09 Sep 2001 01:47:10 -0000", 30.0),
        ("soon", 1.0),
        ("9" * 400, 1.0),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", 1.0),
    ],
)
def test_the_provider_says_when_to_come_back(told: str, seconds: float) -> None:
    """`Retry-After` is seconds or a date; what is neither counts as one second."""
    failure = classify(caused(status_error(429, retry_after=told)), MODEL, clock=StillClock(NOW))
    assert failure.retry_after == seconds
    assert f"in {max(1, ceil(seconds))} s." in failure.detail


def test_without_a_word_it_is_one_second() -> None:
    """A busy provider that does not say when is asked again in a second."""
    assert classify(caused(status_error(429)), MODEL).retry_after == 1.0
    assert classify(ModelRateLimitError(SECRET), MODEL).retry_after == 1.0


def test_the_headers_of_the_answer_are_found() -> None:
    """Behind Agno's own exception, under names in lower case; an error that is no answer has none."""
    assert headers_of(caused(status_error(429, retry_after="7")))["retry-after"] == "7"
    assert headers_of(caused(ConnectionResetError())) == headers_of(None) == {}


@pytest.mark.parametrize("status", [400, 401, 408, 429, 500])
def test_no_word_of_the_providers_is_repeated(status: int) -> None:
    """The text names the model and what to do, and nothing that came over the wire."""
    failure = classify(caused(status_error(status)), MODEL)
    assert SECRET not in failure.detail
    assert "openai:gpt-4o" in failure.detail


def test_one_of_our_own_is_itself() -> None:
    """A failure that is ours already keeps its text."""
    ours = ModelTimeout("mine")
    assert classify(ours, MODEL) is ours


def test_an_answer_too_deep_to_be_read_is_none() -> None:
    """A thousand brackets are more than a parser takes; both clients call it the same."""
    assert type(classify(caused(RecursionError()), MODEL)) is ModelNonsense


def test_a_circle_of_causes_ends() -> None:
    """Two exceptions that name one another as cause are read once each."""
    first, second = RuntimeError(), RuntimeError()
    first.__cause__, second.__cause__ = second, first
    assert type(classify(first, MODEL)) is ModelUnavailable


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (ModelBusy("x"), 429),
        (ModelCredentials("x"), 401),
        (timed_out(MODEL, seconds=2), 504),
        (deadline_exceeded(MODEL), 504),
        (nonsense(MODEL), 502),
    ],
)
def test_agno_sees_an_exception_of_its_own(failure: BullpenError, status: int) -> None:
    """With our text, and a status that Agno reads the same way."""
    seen = ModelCallFailed(failure, MODEL)
    assert isinstance(seen, ModelProviderError)
    assert (str(seen), seen.status_code, seen.failure) == (failure.detail, status, failure)


def test_the_two_ways_of_being_late_are_told_apart() -> None:
    """A call's own timeout is the model's failure; the run's deadline is the run's."""
    assert "2 s" in timed_out(MODEL, seconds=2).detail
    assert isinstance(deadline_exceeded(MODEL), DeadlineExceeded)
