from mrl_search.eval import ComparedArm, Difference, Kept, Measured, Share, Study
from mrl_search.training import markdown, table
from mrl_search.training.grid_table import grids, is_grid

WHERE = ("tiny", "Spearman", "none")
NONE = Difference(-0.01, -0.02, 0.0, 0.04, 0.01, 0.25)
NESTED = {(1, 4): 0.4, (1, 16): 0.5, (2, 4): 0.6, (2, 16): 0.8}
FOUND = Study(
    recipe={},
    sources=(),
    overlaps={},
    measured=(
        Measured(*WHERE, "full", 0, 16, 0.9, layers=2),
        Measured(*WHERE, "small", 0, 4, 0.5, layers=1),
        *(Measured(*WHERE, "nested", 0, dim, mean, layers=layers) for (layers, dim), mean in NESTED.items()),
    ),
    compared=(
        ComparedArm(*WHERE, "nested", 4, NONE, 1, "small"),
        ComparedArm(*WHERE, "nested", 16, NONE, 2, "full"),
    ),
    step_seconds={},
    provenance={"machine": "a machine"},
    kept=(Kept(*WHERE, "nested", 4, Share(0.5, 0.4, 0.6), 1),),
    texts_per_second={"1": 300.0, "2": 200.0},
)


def test_the_sizes_have_a_line_of_their_own_models_and_two_for_each_nested_arm():
    lines = grids(FOUND).splitlines()
    assert (
        lines[0]
        == "tiny, Spearman, rotation none, at (layers, dims), beside models trained at that size by themselves:"
    )
    assert lines[2] == "| arm | (1, 4) | (2, 16) |"
    assert lines[4] == "| by itself | 0.5000 | 0.9000 |"
    assert lines[5] == "| nested | 0.4000 (50.0% [40.0%, 60.0%]) | 0.8000 |"
    assert lines[6] == "| nested − by itself | -0.0100 [-0.020,+0.000] = | -0.0100 [-0.020,+0.000] = |"


def test_a_grid_has_a_line_for_each_depth_with_how_much_faster_it_is():
    lines = grids(FOUND).splitlines()
    assert lines[10:14] == [
        "| layers | encodes | 16 | 4 |",
        "|---|---|---|---|",
        "| 1 | 1.5 × | 0.5000 (62%) | 0.4000 (50%) |",
        "| 2 | 1.0 × | 0.8000 (100%) | 0.6000 (75%) |",
    ]
    assert not [line for line in lines if line.startswith("small, tiny")]


def test_the_notes_name_the_rival_and_the_machine():
    told = grids(FOUND)
    assert "Differences from the model trained at that size by itself" in told
    assert "Texts a second by layers, on a machine: 1: 300, 2: 200." in told
    assert told.endswith("is not known.")


def test_a_study_of_depths_is_told_as_a_grid_everywhere():
    assert is_grid(FOUND)
    assert table(FOUND) == markdown(FOUND) == grids(FOUND)
