"""The word, inside one process."""

from bullpen.security.authentication.news import News


async def test_every_listener_hears_every_word() -> None:
    """Until it asks not to."""
    news, heard = News(), list[str]()

    def one() -> None:
        heard.append("one")

    def two() -> None:
        heard.append("two")

    news.subscribe(one)
    news.subscribe(two)
    await news.tell()
    news.unsubscribe(one)
    news.unsubscribe(one)
    await news.tell()
    assert heard == ["one", "two", "two"]
