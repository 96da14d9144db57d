"""One shard is written whole, once: what this build finished is kept, what another left is not."""

import dataclasses

import numpy as np
import pytest

import mrl_search
from mrl_search.indexes import Layout, check, open_index, read_positions
from mrl_search.scale import begun, build_cluster, building
from mrl_search.scale.shard_files import Done, finished, note_of, write_shard
from mrl_search.scale.work import LocalWork


@pytest.fixture
def plan(corpus, tmp_path):
    """Of the second shard of a build, whose parts are encoded."""

    class Stopped(LocalWork):
        def each(self, do, items):
            plans.extend(items)
            raise KeyboardInterrupt

    plans = []
    source = corpus(*({"_id": f"d{n}", "text": f"number {n}"} for n in range(60)))
    with pytest.raises(KeyboardInterrupt):
        build_cluster(
            source, tmp_path / "c", shards=2, dims=(16, 64), encoder="hashing:64", work=Stopped(),
            options=mrl_search.BuildOptions(rotation="none"),
        )  # fmt: skip
    return plans[1]


def test_a_shard_is_an_ordinary_index_of_its_documents_with_their_places(plan):
    assert finished(plan) is None
    done = write_shard(plan)
    assert check(plan.folder) == []
    stored = open_index(plan.folder)
    positions = read_positions(Layout(plan.folder), stored.segments)
    assert len(stored.vectors) == done.documents == len(positions)
    ids = stored.ids(range(len(positions)))
    assert [ids[row] for row in range(len(positions))] == [f"d{position}" for position in positions]
    encoder = mrl_search.load_encoder(mrl_search.EncoderSpec("hashing:64"))
    wanted = encoder.encode_documents([f"number {position}" for position in positions])
    assert stored.vectors.gathered(np.arange(len(positions))) == pytest.approx(wanted, abs=1e-6)
    stored.close()


def test_what_this_build_finished_is_not_written_again(plan):
    done = write_shard(plan)
    before = Layout(plan.folder).catalog.stat().st_mtime_ns
    assert write_shard(plan) == done == Done.read(note_of(plan.folder))
    assert Layout(plan.folder).catalog.stat().st_mtime_ns == before


def test_what_another_build_finished_is(plan):
    done = write_shard(plan)
    other = dataclasses.replace(plan, key="another")
    assert finished(other) is None
    assert write_shard(other).key == "another" and finished(plan) is None
    assert finished(other).documents == done.documents


def test_a_shard_without_its_note_or_changed_since_is_not_finished(plan):
    write_shard(plan)
    mrl_search.delete(plan.folder, where="id != 'none'")
    assert finished(plan) is None
    write_shard(plan)
    note_of(plan.folder).unlink()
    assert finished(plan) is None


def test_names_of_shards_in_storage_are_of_one_build(tmp_path):
    assert building.shard_name is begun.shard_name
    build = begun.Build(tmp_path, None, None, (), None, None, None, [], 3, "abc")
    assert begun.shard_name(build, 7) == "shards/000003-0007"
    assert begun.shard_name(dataclasses.replace(build, storage=object()), 7) == "shards/000003-0007-abc"
