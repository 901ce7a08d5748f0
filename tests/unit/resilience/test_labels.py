"""Models as labels."""

import pytest

from bullpen.resilience.labels import labels


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("openai:gpt-4o", ("openai", "gpt-4o")),
        ("vllm:meta/llama:70b", ("vllm", "meta/llama:70b")),
        ("offline", ("offline", "")),
    ],
)
def test_the_first_colon_parts_provider_and_model(name: str, told: tuple[str, str]) -> None:
    """A model's own name may have colons."""
    assert labels(name) == told
