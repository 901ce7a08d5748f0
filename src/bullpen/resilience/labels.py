"""A model's name as the labels of a metric."""

__all__ = ["labels"]


def labels(name: str) -> tuple[str, str]:
    """`provider` and `model` of `provider:model`; a model's own name may have colons."""
    provider, _, model = name.partition(":")
    return provider, model
