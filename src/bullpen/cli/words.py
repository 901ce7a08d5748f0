"""What several commands say."""

from bullpen.llm import Models

__all__ = ["described"]


def described(models: Models) -> str:
    """Which models the aliases mean, in a sentence or two."""
    meant = ", ".join(f"{alias} = {model}" for alias, model in models.aliases.items())
    if models.offline_only:
        return f"Models: {meant}. Only the offline model answers: set OPENAI_API_KEY or ANTHROPIC_API_KEY for others."
    return f"Models: {meant}."
