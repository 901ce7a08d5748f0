"""What goes wrong between us and a provider."""

from bullpen.errors import ModelBusy, ModelNonsense, ModelUnavailable
from bullpen.llm.failures import classify
from bullpen.llm.ports import ModelName
from bullpen.llm.slim.errors import ErrorEvent, Head, Oversized, Refused

MODEL = ModelName("openai", "m")


def test_each_is_one_of_our_errors() -> None:
    """An answer by its status and what it says of coming back; the others by their class."""
    refused = classify(Refused(Head(429, {"retry-after": "7"}), "words"), MODEL)
    assert (type(refused), refused.retry_after) == (ModelBusy, 7.0)
    assert type(classify(ErrorEvent("words"), MODEL)) is ModelUnavailable
    assert type(classify(Oversized("words"), MODEL)) is ModelNonsense


def test_the_providers_words_are_for_the_log() -> None:
    """They are in the text of the exception, with the status, and nowhere in ours."""
    refused = Refused(Head(400, {}), "no such model")
    assert str(refused) == "HTTP 400: no such model"
    assert "no such" not in str(classify(refused, MODEL))
