"""FAISS files whose checksum is right and whose contents mean harm."""

import os
import random
import resource
import signal
from pathlib import Path

import faiss
import numpy as np
import pytest

from mrl_search.errors import IndexStoreError, MRLSearchError
from mrl_search.indexes import Codec, StoredVectors, build_prefix
from mrl_search.indexes.faiss_file import read_faiss
from mrl_search.indexes.prefix import read_prefix
from mrl_search.vectors import unit

VECTORS = unit(np.random.default_rng(0).standard_normal((600, 32)).astype(np.float32))
SIZES = [0, 1, 601, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63, 2**64 - 1]
KINDS = ["Flat", "SQ8", "HNSW8", "IVF8,Flat", "PQ8x4fs", "IVF8,PQ8x4fsr,Refine(SQ4)", "IVF8,PQ8"]


@pytest.fixture(autouse=True)
def _one_thread():
    """Forks have no other threads, and would wait for them."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(before)


def test_a_file_that_is_gone_by_now_is_told_so(tmp_path):
    with pytest.raises(IndexStoreError, match="prefix.faiss cannot be read: No such file"):
        read_faiss(tmp_path / "prefix.faiss")


def write(path, factory):
    build_prefix(StoredVectors(VECTORS, "float32"), 16, Codec(factory)).write(path)
    return path.read_bytes()


def harmful(whole, drawn):
    """A size that is absurd, a flipped bit, another kind's name, a cut; most of them where the headers are."""
    held = bytearray(whole)
    at = drawn.randrange(min(400, len(held)) - 8) if drawn.random() < 0.6 else drawn.randrange(len(held) - 8)
    kind = drawn.choice(["size", "size", "flip", "name", "cut"])
    if kind == "size":
        width = drawn.choice([4, 8])
        held[at : at + width] = (drawn.choice(SIZES) % 2 ** (8 * width)).to_bytes(width, "little")
    elif kind == "flip":
        held[at] ^= 1 << drawn.randrange(8)
    elif kind == "name":
        held[at : at + 4] = drawn.choice([b"ilod", b"ilar", b"ilbl", b"IxPT", b"IHNf", b"IwPf", b"ImRQ", b"INSf"])
    else:
        del held[at:]
    return bytes(held)


def outcome(path):
    """How reading and searching the file ends, in a process of 2 GiB more than this one's and ten seconds."""
    process = os.fork()
    if not process:
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        room = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + 2 * 2**30
        resource.setrlimit(resource.RLIMIT_AS, (room, room))
        signal.alarm(10)
        try:
            read_prefix(path, 600, 16).candidates(VECTORS[:4], 10)
        except MRLSearchError:
            os._exit(1)
        except BaseException:
            os._exit(2)
        os._exit(0)
    return {0: "read", 1: "one clear error"}.get(status := os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), status)


def fuzzed(tmp_path, factory, times, seed):
    whole, drawn, ends = write(tmp_path / "whole", factory), random.Random(seed), []
    read_prefix(tmp_path / "whole", 600, 16).candidates(VECTORS[:4], 10)  # loads what forks then have
    for _ in range(times):
        (tmp_path / "harmful").write_bytes(harmful(whole, drawn))
        ends.append(outcome(tmp_path / "harmful"))
    return ends


@pytest.mark.parametrize("factory", ["IVF8,Flat", "IVF8,PQ8x4fsr,Refine(SQ4)"])
def test_a_faiss_file_that_means_harm_is_read_or_refused_and_no_more(tmp_path, factory):
    assert set(fuzzed(tmp_path, factory, 25, 0)) == {"read", "one clear error"}


@pytest.mark.slow
@pytest.mark.parametrize("factory", KINDS)
def test_hundreds_of_faiss_files_that_mean_harm_are_read_or_refused(tmp_path, factory):
    assert set(fuzzed(tmp_path, factory, 700, 1)) == {"read", "one clear error"}


@pytest.mark.parametrize("length", [0, 25, 47, 200, 1_000])
def test_a_file_that_ends_early_is_refused(tmp_path, length):
    whole = write(tmp_path / "whole", "IVF8,Flat")
    (tmp_path / "cut").write_bytes(whole[:length])
    assert outcome(tmp_path / "cut") == "one clear error"


@pytest.mark.parametrize("taken", [16, -2, 2**31 - 1])
def test_dims_that_are_not_there_are_not_taken(tmp_path, taken):
    whole = bytearray(write(tmp_path / "whole", "IVF8,PQ8"))
    index = read_faiss(tmp_path / "whole")  # which its parts must not outlive
    turn = faiss.downcast_VectorTransform(faiss.downcast_index(index).chain.at(0))
    at = whole.index(faiss.vector_to_array(turn.map).tobytes())
    whole[at + 8 : at + 12] = np.int32(taken).tobytes()
    (tmp_path / "harmful").write_bytes(whole)
    with pytest.raises(IndexStoreError, match="a transform of 16 dims takes others"):
        read_faiss(tmp_path / "harmful")


def test_lists_in_a_file_of_their_own_are_refused(tmp_path):
    index = faiss.index_factory(16, "IVF4,Flat", faiss.METRIC_INNER_PRODUCT)
    index.train(VECTORS[:, :16].copy())
    elsewhere = faiss.OnDiskInvertedLists(4, index.code_size, str(tmp_path / "lists"))
    row = np.zeros(1, np.int64)
    elsewhere.add_entries(0, 1, faiss.swig_ptr(row), faiss.swig_ptr(VECTORS[:1, :16].copy().view(np.uint8)))
    index.replace_invlists(elsewhere)
    faiss.write_index(index, str(tmp_path / "index"))
    with pytest.raises(MRLSearchError, match="its lists are OnDiskInvertedLists, wanted ones in memory"):
        read_faiss(tmp_path / "index")


def test_limits_are_put_back(tmp_path):
    before = faiss.get_deserialization_vector_byte_limit(), faiss.get_deserialization_loop_limit()
    write(tmp_path / "index", "Flat")
    read_faiss(tmp_path / "index")
    assert (faiss.get_deserialization_vector_byte_limit(), faiss.get_deserialization_loop_limit()) == before
