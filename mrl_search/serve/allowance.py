"""How much one answer holds, counted while it is put together: documents are as long as their writers liked."""

from mrl_search.retriever import Answer
from mrl_search.serve.refusals import RefusalError


class Allowance:
    """Of one request: `most` characters of titles, texts and metadata; None for any number.

    with_texts: whether texts and metadata are answered at all.
    """

    def __init__(self, most: int | None = None, *, with_texts: bool = True) -> None:
        self._most, self._with_texts = most, with_texts
        self._taken = 0

    def take(self, answers: list[Answer]) -> list[Answer]:
        """What is answered of them. Raises RefusalError where that is too much with all that was taken before."""
        if not self._with_texts:
            answers = [one._replace(text="", metadata={}) for one in answers]
        if self._most is None:
            return answers
        for one in answers:
            self._taken += len(one.title) + len(one.text) + (len(str(one.metadata)) if one.metadata else 0)
        if self._taken > self._most:
            raise RefusalError(
                422,
                "answer_too_long",
                f"the documents found have more than {self._most:,} characters; ask for fewer queries at once, for a "
                "smaller k, or with texts: false",
            )
        return answers
