"""Indexes: vectors, prefixes and documents on disk; `indexes/README.md` specifies the format."""

from mrl_search.indexes.ahead import load_kernels_ahead
from mrl_search.indexes.amend import add_bounds, add_calibration, add_words
from mrl_search.indexes.bounds import Bounds, bounded
from mrl_search.indexes.catalog import Catalog
from mrl_search.indexes.change import Anew, IndexChange, Turned
from mrl_search.indexes.checking import Finding, check
from mrl_search.indexes.codecs import AUTO, EXACT, Codec, check_codec, chosen_codec
from mrl_search.indexes.exhaustive import NOISE, exact, growing
from mrl_search.indexes.filters import compiled
from mrl_search.indexes.index import VectorIndex
from mrl_search.indexes.kept_adapter import adapter_record
from mrl_search.indexes.layout import Layout, Segment, sync_folder
from mrl_search.indexes.locate import ROOT, find_index
from mrl_search.indexes.manifest import (
    PROBE_TEXT,
    SAME_ENCODER,
    Calibration,
    EncoderRecord,
    Manifest,
    RotationRecord,
    TunedRecord,
)
from mrl_search.indexes.positions import read_positions
from mrl_search.indexes.postings import segments_with_words
from mrl_search.indexes.prefix import PrefixIndex, build_prefix
from mrl_search.indexes.reader import open_index, read_manifest, stamp_of, verify_index
from mrl_search.indexes.segmented import SegmentedIndex
from mrl_search.indexes.sizes import measure_index
from mrl_search.indexes.sketches import Sketches, sketched
from mrl_search.indexes.snapshot import StoredIndex
from mrl_search.indexes.stored import DTYPES, StoredVectors, packed, scratch
from mrl_search.indexes.tuned import store_tuned
from mrl_search.indexes.words import Said, Statistics, Words, best_by_words, words_in_memory, words_of
from mrl_search.indexes.writer import IndexWriter

__all__ = [
    "AUTO",
    "DTYPES",
    "EXACT",
    "NOISE",
    "PROBE_TEXT",
    "ROOT",
    "SAME_ENCODER",
    "Anew",
    "Bounds",
    "Calibration",
    "Catalog",
    "Codec",
    "EncoderRecord",
    "Finding",
    "IndexChange",
    "IndexWriter",
    "Layout",
    "Manifest",
    "PrefixIndex",
    "RotationRecord",
    "Said",
    "Segment",
    "SegmentedIndex",
    "Sketches",
    "Statistics",
    "StoredIndex",
    "StoredVectors",
    "TunedRecord",
    "Turned",
    "VectorIndex",
    "Words",
    "adapter_record",
    "add_bounds",
    "add_calibration",
    "add_words",
    "best_by_words",
    "bounded",
    "build_prefix",
    "check",
    "check_codec",
    "chosen_codec",
    "compiled",
    "exact",
    "find_index",
    "growing",
    "load_kernels_ahead",
    "measure_index",
    "open_index",
    "packed",
    "read_manifest",
    "read_positions",
    "scratch",
    "segments_with_words",
    "sketched",
    "stamp_of",
    "store_tuned",
    "sync_folder",
    "verify_index",
    "words_in_memory",
    "words_of",
]
