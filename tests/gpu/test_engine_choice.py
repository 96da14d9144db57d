import pytest

from mrl_search.errors import DeviceError
from mrl_search.gpu.choice import Choice, Needed, are_resident, chosen_engine, spread

GIB = 2**30


@pytest.mark.parametrize(
    ("factory", "told"),
    [
        ("Flat", "torch Flat float16"),
        ("PQ64x4fs", "torch Flat float16; PQ64x4fs is FAISS's; torch compares the prefixes themselves"),
        ("IVF64,Flat", "torch Flat float16; IVF64,Flat is FAISS's; torch compares the prefixes themselves"),
    ],
)
def test_without_a_faiss_that_sees_cards_torch_compares_all_prefixes(factory, told):
    assert str(chosen_engine(factory, faiss_cards=0)) == told


@pytest.mark.parametrize(
    "factory",
    ["IVF1024,Flat", "IVF64,PQ32", "IVF64,PQ32x8", "IVF64,SQ8", "IVF64,SQ6", "IVF8,SQfp16", "OPQ16_64,IVF64,PQ16"],
)
def test_what_faiss_clones_stands_on_the_card_as_it_is(factory):
    assert str(chosen_engine(factory, faiss_cards=1)) == f"faiss {factory}"


@pytest.mark.parametrize(
    "factory",
    ["HNSW32", "PQ64x4fs", "IVF1024,PQ32x4fsr,Refine(SQ4)", "SQ8", "RaBitQ", "FlatPanorama4", "PQ32", "IVF64,RaBitQ"],
)
def test_what_faiss_does_not_clone_is_replaced_and_the_reason_is_told(factory):
    choice = chosen_engine(factory, faiss_cards=1)
    assert (choice.engine, choice.structure) == ("faiss", "Flat")
    assert choice.why == f"{factory} is not for cards; the prefixes themselves are compared"


def test_a_graph_becomes_cagra_where_faiss_is_built_with_it():
    choice = chosen_engine("HNSW32", faiss_cards=1, has_cagra=True)
    assert str(choice) == "faiss CAGRA; HNSW32 stays on the CPU; CAGRA is the graph of a card"


@pytest.mark.parametrize("factory", ["IVF64_HNSW32,Flat", "HNSW32,PQ16", "OPQ16,HNSW32"])
def test_a_graph_of_something_else_or_over_cells_does_not_become_cagra(factory):
    assert chosen_engine(factory, faiss_cards=1, has_cagra=True).structure == "Flat"


def test_more_cells_than_a_card_looks_into_are_replaced():
    assert chosen_engine("IVF8192,Flat", faiss_cards=1, probes=2048).structure == "IVF8192,Flat"
    choice = chosen_engine("IVF8192,Flat", faiss_cards=1, probes=4096)
    assert choice.structure == "Flat"
    assert "looks into 4,096 cells, a card into 2,048" in choice.why


def test_torch_may_be_asked_for_and_faiss_only_where_it_sees_a_card():
    assert chosen_engine("Flat", faiss_cards=1, asked="torch").engine == "torch"
    with pytest.raises(
        DeviceError, match=r"FAISS that is installed sees no card; run: pip install 'mrl-search\[gpu\]'"
    ):
        chosen_engine("Flat", faiss_cards=0, asked="faiss")
    with pytest.raises(DeviceError, match="no engine 'cuvs'; choose auto, torch or faiss"):
        chosen_engine("Flat", faiss_cards=1, asked="cuvs")


def test_vectors_are_resident_where_they_fit_beside_the_prefixes():
    # 10^7 × 64 · 2 bytes are 1.19 GiB, × 768 · 4 bytes 28.6 GiB
    needed = Needed(10_000_000, 64, 768, 4)
    assert are_resident(needed, 32 * GIB, "cuda:0")
    assert not are_resident(needed, 31 * GIB, "cuda:0")


@pytest.mark.parametrize(
    ("structure", "row"),
    [("IVF64,Flat", 64 * 4 + 8), ("PCA64,IVF64,Flat", 64 * 4 + 8), ("IVF64,PQ32", 64 * 2 + 8), ("Flat", 64 * 4 + 4)],
)
def test_a_row_of_a_clone_has_its_number_and_one_of_cells_keeps_float32(structure, row):
    needed = Needed(1000, 64, 768, 4, chosen_engine(structure, faiss_cards=1))
    assert needed.prefix_bytes == 1000 * row


def test_prefixes_that_do_not_fit_are_refused_with_the_widest_that_do():
    # 3 GiB less 2 to work in leave 1 GiB: 53.7 dims of two bytes, 48 by eights
    with pytest.raises(DeviceError) as caught:
        are_resident(Needed(10_000_000, 128, 768, 4), 3 * GIB, "cuda:0 (H100)")
    assert str(caught.value) == (
        "10,000,000 prefixes of 128 dims take 2.4 GiB as torch Flat and 2.0 GiB to work in; cuda:0 (H100) has 3.0 GiB "
        "free: build with --dims 48,768, or take --device cpu"
    )
    with pytest.raises(DeviceError, match="has 1.0 GiB free: no prefix fits, or take --device cpu"):
        are_resident(Needed(10_000_000, 128, 768, 4), GIB, "cuda:0")


def test_while_faiss_appends_to_prefixes_they_are_counted_twice():
    # 10^7 × (64 · 2 · 2 + 4) bytes are 2.42 GiB; one GiB holds 107 bytes a row, 103 of them are 25 dims of four: 24
    flat = Needed(10_000_000, 64, 768, 4, Choice("faiss", "Flat"))
    assert flat.prefix_bytes == 2_600_000_000
    with pytest.raises(DeviceError, match="as faiss Flat and 2.0 GiB to work in; .*build with --dims 24,768"):
        are_resident(flat, 3 * GIB, "cuda:0")
    # codes are no larger than float16, and a row's number; CAGRA keeps float32 and 64 neighbours of 4 bytes
    assert Needed(10, 64, 768, 4, Choice("faiss", "IVF64,PQ32")).prefix_bytes == 10 * (128 + 8)
    assert Needed(10, 64, 768, 4, Choice("faiss", "CAGRA")).prefix_bytes == 10 * (256 + 256)


def test_prefixes_that_cards_share_need_fit_on_each_in_part_only():
    needed = Needed(10_000_000, 128, 768, 4)  # 2.4 GiB
    assert not are_resident(needed, 4 * GIB, "cuda:0", shares=2)
    assert are_resident(needed, 32 * GIB, "cuda:0", shares=2)


def test_several_cards_hold_replicas_if_each_has_room_and_else_shards():
    needed = Needed(10_000_000, 128, 768, 4)  # 2.4 GiB
    assert spread(needed, [80 * GIB, 5 * GIB]) == "replicas"
    assert spread(needed, [4 * GIB, 4 * GIB]) == "shards"
    assert spread(needed, [80 * GIB, 80 * GIB], "shards") == "shards"
    with pytest.raises(DeviceError, match="2 cards with 3.0 GiB free or more do not hold them"):
        spread(needed, [3 * GIB, 3 * GIB])
    with pytest.raises(DeviceError, match="do not hold them as replicas"):
        spread(needed, [4 * GIB, 4 * GIB], "replicas")
