"""An Agno agent of your own. Bullpen serves the object itself, and puts a guard around its model."""

from agno.agent import Agent

__all__ = ["shopkeeper"]

_STOCK = {"apples": 120, "bread": 14, "cheese": 0}


def in_stock(article: str) -> int:
    """Tells how many of an article are in stock.

    Args:
        article: What is sold, in the plural, such as `apples`.
    """
    return _STOCK.get(article.strip().lower(), 0)


shopkeeper = Agent(
    name="shopkeeper",
    instructions=["You keep a small shop.", "Look the stock up before you promise anything."],
    tools=[in_stock],
)
