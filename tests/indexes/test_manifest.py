import json

import numpy as np
import pytest
from test_writer import manifest

from mrl_search.errors import IndexStoreError
from mrl_search.indexes import EncoderRecord, Manifest


def test_json_and_back_is_the_same():
    record = EncoderRecord("m", "id", 4, "q: ", None, True, "bfloat16", (0.6, 0.8))
    whole = manifest(3, encoder=record, provenance={"commit": None, "packages": {"numpy": "2"}})
    assert Manifest.from_json(whole.to_json(), "here") == whole
    assert "document_prompt" not in json.loads(whole.to_json())["encoder"]


def test_widths_are_read_off_the_list():
    assert (manifest(1, dims=(64, 256, 768)).prefix_dim, manifest(1, dims=(64, 256, 768)).dim) == (64, 768)


def test_the_probe_is_a_matrix_of_one_row_or_none():
    assert EncoderRecord("m", "id", probe_query=(0.6, 0.8)).probe.tolist() == [[np.float32(0.6), np.float32(0.8)]]
    assert EncoderRecord("m", "id").probe is None


def test_a_manifest_of_a_later_version_is_refused_by_the_key_it_adds():
    table = json.loads(manifest(1).to_json()) | {"reranker": "large"}
    with pytest.raises(IndexStoreError, match="here, manifest: unknown key 'reranker'"):
        Manifest.from_json(json.dumps(table), "here")


@pytest.mark.parametrize(
    "wrong", [{"dims": ()}, {"dims": (0, 4)}, {"dims": (4, 2)}, {"documents": -1}, {"dtype": "float8"}]
)
def test_a_manifest_that_cannot_be_is_refused(wrong):
    table = json.loads(manifest(1).to_json()) | wrong
    with pytest.raises(IndexStoreError, match="cannot be|wanted one of"):
        Manifest.from_json(json.dumps(table), "here")
