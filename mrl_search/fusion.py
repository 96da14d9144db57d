"""Two rankings of one query made one: what words find, and what vectors find."""

from collections.abc import Sequence
from dataclasses import dataclass

from mrl_search.errors import FusionError
from mrl_search.run import ScoredDoc, ranked

RRF = "rrf"
_RANKS = 60  # added to every rank (Cormack, Clarke & Büttcher, SIGIR 2009): what the first ranks are worth more
_WORST_COSINE = -1.0
_NO_WORD = 0.0  # BM25's score of a document without any of the words


@dataclass(frozen=True)
class Fusion:
    """How the two are weighed.

    words: the share that BM25 has in the sum, the cosine has the rest (a convex combination of scores, each scaled from
    the lowest that is possible to the query's highest: Bruch, Gai & Ingber 2023, 2210.11934, sections 3 and 4); None
    for reciprocal ranks.
    """

    words: float | None = None

    def __post_init__(self) -> None:
        if self.words is not None and not 0 <= self.words <= 1:
            raise FusionError(f"the share of words lies between 0 and 1, found {self.words:g}")

    @classmethod
    def parse(cls, text: str) -> "Fusion":
        """The inverse of `str`: `rrf`, or the share of words, as `0.3`. Raises FusionError for anything else."""
        if text == RRF:
            return cls()
        try:
            return cls(float(text) + 0.0)  # -0 is 0
        except ValueError:
            raise FusionError(f"found {text!r}, wanted rrf, or the share of words between 0 and 1, as 0.3") from None

    def __str__(self) -> str:
        return RRF if self.words is None else f"{self.words:g}"

    @property
    def adds_scores(self) -> bool:
        """Whether scores are added, and not ranks: then both sides should name whatever one of them found."""
        return self.words is not None

    def __call__(self, vectors: Sequence[ScoredDoc], words: Sequence[ScoredDoc], k: int) -> list[ScoredDoc]:
        """The k best of both, best first: score down, then id up.

        vectors: by cosine, words: by BM25, best first. What one of them does not name counts in it as nothing: as the
        worst of all possible scores, or as no rank.
        """
        if self.words is None:
            sides = [_by_rank(vectors), _by_rank(words)]
        else:
            sides = [_scaled(vectors, _WORST_COSINE, 1 - self.words), _scaled(words, _NO_WORD, self.words)]
        ids = list(dict.fromkeys([*sides[0], *sides[1]]))
        return ranked(ids, [sum(side.get(name, 0.0) for side in sides) for name in ids])[:k]


def _by_rank(found: Sequence[ScoredDoc]) -> dict[str, float]:
    return {document.id: 1 / (_RANKS + rank) for rank, document in enumerate(found, 1)}


def _scaled(found: Sequence[ScoredDoc], least: float, share: float) -> dict[str, float]:
    """Scores from `least` to the highest found, brought to 0 to share."""
    reach = max((document.score for document in found), default=least) - least
    return {document.id: share * (document.score - least) / reach if reach > 0 else 0.0 for document in found}
