import mrl_search
from mrl_search.encoders import EncoderSpec, load_encoder
from mrl_search.encoding import encode_documents


def test_blocks_follow_the_texts_and_the_bar_follows_the_blocks(monkeypatch):
    monkeypatch.setattr("mrl_search.encoding.BLOCK", 3)
    encoder = load_encoder(EncoderSpec("hashing:8"))

    class Seen:
        updates: list[int] = []  # noqa: RUF012

        def update(self, n=1):
            self.updates.append(n)

    blocks = list(encode_documents(encoder, (f"text {number}" for number in range(7)), Seen()))
    assert [len(block) for block in blocks] == Seen.updates == [3, 3, 1]
    assert blocks[2].tolist() == encoder.encode_documents(["text 6"]).tolist()


def test_an_encoder_is_loaded_beside_what_searches_its_vectors(monkeypatch):
    begun = []
    monkeypatch.setattr("mrl_search.encoding.load_kernels_ahead", lambda: begun.append(True))
    assert mrl_search.load_encoder(EncoderSpec("hashing:8")).dim == 8
    assert begun
