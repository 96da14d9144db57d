"""Streaming readers of corpora, queries, judgements and test collections."""

from mrl_search.data.collection import Corpus, Dataset
from mrl_search.data.corpus import open_corpus
from mrl_search.data.dataset import load_dataset
from mrl_search.data.documents import Tolerance, to_document
from mrl_search.data.examples import Example, read_examples
from mrl_search.data.ids import read_ids
from mrl_search.data.inflated import inflated
from mrl_search.data.qrels import read_any_qrels, read_qrels, read_trec_qrels
from mrl_search.data.queries import read_queries
from mrl_search.data.record import BadRecordError

__all__ = [
    "BadRecordError",
    "Corpus",
    "Dataset",
    "Example",
    "Tolerance",
    "inflated",
    "load_dataset",
    "open_corpus",
    "read_any_qrels",
    "read_examples",
    "read_ids",
    "read_qrels",
    "read_queries",
    "read_trec_qrels",
    "to_document",
]
