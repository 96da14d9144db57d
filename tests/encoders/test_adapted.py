import numpy as np
import pytest

from mrl_search.adapter import Adapter, Fitted, write_adapter
from mrl_search.encoders import AdaptedEncoder, CachedEncoder, EncoderSpec, cached, load_encoder
from mrl_search.errors import AdapterError, EncoderError

TEXTS = ["the white matter", "a fox"]


@pytest.fixture
def folder(tmp_path):
    """An adapter of hashing:8, which reverses its dims and halves one."""
    matrix = np.diag(np.array([1, 1, 0.5, 1, 1, 1, 1, 1], np.float32))[::-1]
    adapter = Adapter(Fitted("smec", 8, (2, 4), "hashing:8"), {"matrix": np.ascontiguousarray(matrix)})
    write_adapter(adapter, tmp_path / "a", {})
    return str(tmp_path / "a")


def test_queries_and_documents_pass_through_the_adapter(folder):
    bare, adapted = load_encoder(EncoderSpec("hashing:8")), load_encoder(EncoderSpec("hashing:8", adapter=folder))
    assert isinstance(adapted, AdaptedEncoder)
    wanted = adapted.adapter.apply(bare.encode_documents(TEXTS))
    assert (adapted.encode_queries(TEXTS) == wanted).all()
    assert (adapted.encode_documents(TEXTS) == wanted).all()
    assert not np.allclose(wanted, bare.encode_documents(TEXTS))


def test_it_is_the_base_s_width_cut_where_the_adapter_was_fitted_to_be(folder):
    encoder = load_encoder(EncoderSpec("hashing:8", adapter=folder))
    assert (encoder.dim, encoder.trained_dims, encoder.texts_at_a_time) == (8, (2, 4), None)
    assert encoder.spec == EncoderSpec("hashing:8", adapter=folder)
    assert encoder.identity == f"hashing:8 v1 adapter={encoder.adapter.digest}"


def test_the_cache_keeps_the_base_s_vectors(folder, tiny):
    encoder = cached(load_encoder(EncoderSpec("hashing:8", adapter=folder)))
    assert isinstance(encoder, AdaptedEncoder)  # of a hashing encoder nothing is cached
    base = load_encoder(EncoderSpec(str(tiny)))
    adapter = Adapter(Fitted("smec", 16, (4,), str(tiny)), {"matrix": np.eye(16, dtype=np.float32)})
    assert isinstance(cached(AdaptedEncoder(base, "x", adapter)).base, CachedEncoder)


def test_a_name_may_end_in_an_adapter():
    assert EncoderSpec.named("m:layers=2:adapter=a/b") == EncoderSpec("m", layers=2, adapter="a/b")
    assert EncoderSpec.named("m:adapter=a/b", precision="float32").label == "m [precision=float32, adapter=a/b]"
    with pytest.raises(EncoderError, match="name one folder"):
        EncoderSpec.named("m:adapter=")
    with pytest.raises(EncoderError, match="name one folder"):
        EncoderSpec.named("m:adapter=a", adapter="b")


@pytest.mark.parametrize("text", ["", " ", ":layers=2", ":adapter=a"])
def test_an_encoder_without_a_name_is_none(text):
    with pytest.raises(EncoderError, match="in the place of an encoder's name; wanted minilm-768"):
        EncoderSpec.named(text)


def test_an_adapter_of_other_vectors_is_refused(folder):
    with pytest.raises(AdapterError, match="takes 8 dims, hashing:16 gives 16"):
        load_encoder(EncoderSpec("hashing:16", adapter=folder))


def test_an_adapter_of_another_encoder_of_the_same_width_is_refused(folder, tiny):
    adapter = Adapter(Fitted("smec", 16, (4,), "other"), {"matrix": np.eye(16, dtype=np.float32)})
    with pytest.raises(
        AdapterError, match="was fitted to vectors of other, not of .*: mrl-search adapt smec --encoder"
    ):
        AdaptedEncoder(load_encoder(EncoderSpec(str(tiny))), "x", adapter)


def test_a_sub_model_of_fewer_layers_is_another_encoder(tiny):
    adapter = Adapter(Fitted("smec", 16, (4,), str(tiny)), {"matrix": np.eye(16, dtype=np.float32)})
    shallow = load_encoder(EncoderSpec(str(tiny), layers=1))
    with pytest.raises(
        AdapterError, match=f"was fitted to vectors of {tiny}, not of {tiny}:layers=1; .* {tiny}:layers=1$"
    ):
        AdaptedEncoder(shallow, "x", adapter)
    its_own = Adapter(Fitted("smec", 16, (4,), shallow.spec.typed), {"matrix": np.eye(16, dtype=np.float32)})
    assert AdaptedEncoder(shallow, "x", its_own).dim == 16


class Named:
    """An encoder of one dim, of which nothing but the name matters."""

    dim = 1

    def __init__(self, name):
        self.spec = EncoderSpec.named(name)


@pytest.mark.parametrize(
    ("fitted", "given"),
    [
        ("openai:small@https://a.example/v1", "openai:large@https://a.example/v1"),
        ("openai:small@https://a.example/v1", "openai:large"),
        ("training/models/pairs/baseline-seed0/model", "training/models/pairs/mrl-seed0/model"),
        ("runs/mrl-seed0/model", "runs/mrl-seed0/model:layers=2"),
        ("org/small", "org/large"),
    ],
)
def test_models_that_share_a_server_or_the_name_of_a_folder_are_not_one(fitted, given):
    adapter = Adapter(Fitted("smec", 1, (), fitted), {"matrix": np.eye(1, dtype=np.float32)})
    with pytest.raises(AdapterError, match="was fitted to vectors of"):
        AdaptedEncoder(Named(given), "x", adapter)


@pytest.mark.parametrize(
    ("fitted", "given"),
    [
        ("openai:@cf/baai/bge-m3@https://a.example/v1", "openai:@cf/baai/bge-m3@http://localhost:80/v1"),
        ("openai:small@https://a.example/v1", "openai:small"),
        ("sentence-transformers/all-MiniLM-L6-v2", "/somewhere/all-MiniLM-L6-v2"),
        ("runs/mrl-seed0/model", "/elsewhere/mrl-seed0/model"),
        (".", "."),
    ],
)
def test_a_model_is_the_same_wherever_it_lies_and_whoever_serves_it(fitted, given):
    adapter = Adapter(Fitted("smec", 1, (), fitted), {"matrix": np.eye(1, dtype=np.float32)})
    assert AdaptedEncoder(Named(given), "x", adapter).dim == 1


def test_a_folder_that_is_none_says_so(tmp_path):
    with pytest.raises(AdapterError, match="there is no adapter in"):
        load_encoder(EncoderSpec("hashing:8", adapter=str(tmp_path)))
