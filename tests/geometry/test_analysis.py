import numpy as np
import pytest
from arm_vectors import arm_vectors

from mrl_search.encoders import EncoderSpec
from mrl_search.errors import DimensionError, EncoderError, VectorsError
from mrl_search.geometry import Analysis, Asked, analyze
from mrl_search.geometry.analysis import PAIRED, gaps, measured, paired, widths
from mrl_search.geometry.measuring import HUBNESS, ISOSCORE, OVERLAP, TWO_NN, UNIFORMITY


def value(subject, measure, dim):
    (found,) = [one for one in subject.values if (one.measure, one.dim) == (measure, dim)]
    return found


def test_it_is_json_and_back_without_loss(analysis):
    assert Analysis.from_json(analysis.to_json(), "here") == analysis


def test_every_measure_has_an_interval_about_its_value(analysis):
    assert all(one.low <= one.value <= one.high for subject in analysis.subjects for one in subject.values)
    assert {one.dim for one in analysis.subjects[0].values} == {4, 8, 16}


def test_the_arm_whose_dims_fall_has_the_lower_isoscore_surely(analysis):
    baseline, two, five = (value(subject, ISOSCORE, 16).value for subject in analysis.subjects)
    assert two < five < baseline
    gap = next(one for one in analysis.gaps if (one.measure, one.dim) == (ISOSCORE, 16))
    assert gap.high < 0
    assert gap.value == pytest.approx(two - baseline, abs=1e-5)


def test_arms_are_set_against_all_before_them(analysis):
    names = list(dict.fromkeys((gap.arm.split("/")[-1], gap.of.split("/")[-1]) for gap in analysis.gaps))
    assert names == [("two.npy", "baseline.npy"), ("five.npy", "baseline.npy"), ("five.npy", "two.npy")]


def test_a_difference_over_the_same_rows_is_known_better_than_its_parts(analysis):
    _, two, five = (value(subject, OVERLAP, 8) for subject in analysis.subjects)
    (gap,) = [
        one for one in analysis.gaps if (one.measure, one.dim, one.arm) == (OVERLAP, 8, analysis.subjects[2].name)
    ][1:]
    assert gap.high - gap.value < (two.high - two.value) + (five.high - five.value)


def test_seeds_of_an_arm_are_meaned_and_their_difference_is_the_noise():
    drawn = {f"a-seed{seed}": measured(arm_vectors(1, seed), (16,)) for seed in (1, 2)}
    drawn["b-seed1"] = measured(arm_vectors(0.1, 3), (16,))
    gap = next(one for one in gaps(drawn) if one.measure == ISOSCORE)
    ours = [float(drawn[name][ISOSCORE, 16][0]) for name in drawn]
    assert (gap.arm, gap.of) == ("b", "a")
    assert gap.noise == pytest.approx(abs(ours[0] - ours[1]), abs=1e-6)
    assert gap.value == pytest.approx(ours[2] - (ours[0] + ours[1]) / 2, abs=1e-5)


def test_trained_arms_of_one_seed_say_that_noise_is_unknown(tmp_path):
    specs = []
    for place, name in enumerate(("a-seed0", "b-seed0")):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "v.npy", arm_vectors(0.5, place)[:300])
        specs.append(EncoderSpec(str(tmp_path / name / "v.npy")))
    found = analyze(specs, Asked(sample=300))
    assert [one.name for one in found.subjects] == ["a-seed0", "b-seed0"]
    assert any("how far another seed moves these figures is not known" in note for note in found.notes)


def test_other_seeds_that_lie_beside_a_subject_are_told(twins, texts):
    found = analyze([EncoderSpec(str(twins / "mrl-seed0" / "model"))], Asked(texts, 150, cache=False))
    assert "other seeds of these arms lie beside them, mrl-seed1: name them too" in found.notes


def test_few_rows_for_their_dims_are_told(tmp_path):
    np.save(tmp_path / "few.npy", arm_vectors(1, 0, count=120, dim=64))
    found = analyze([EncoderSpec(str(tmp_path / "few.npy"))], Asked())
    (note,) = found.notes
    assert note.endswith("of 120 rows effective rank and rankme are too low from 31 dims on")


def test_fewer_rows_than_dims_collapse_and_that_is_told(tmp_path):
    np.save(tmp_path / "few.npy", arm_vectors(1, 0, count=120, dim=128))
    found = analyze([EncoderSpec(str(tmp_path / "few.npy"))], Asked())
    assert found.subjects[0].collapse[-1].collapsed == 128 - 119  # a mean was taken off
    assert found.notes[0].endswith("too low from 31 dims on, and of 120 dims or more some collapse for want of rows")


@pytest.mark.parametrize(
    ("dim", "asked", "told"),
    [
        (768, (), (8, 16, 32, 64, 128, 256, 512, 768)),
        (12, (), (8, 12)),
        (10, (), (8, 10)),
        (4, (), (2, 4)),
        (384, (16, 200), (16, 200, 384)),
    ],
)
def test_widths_are_powers_of_two_unless_others_are_asked_for(dim, asked, told):
    assert widths(dim, asked) == told


@pytest.mark.parametrize(
    ("dim", "asked", "message"),
    [
        (3, (), "vectors of 3 dims"),
        (16, (32,), "asked for the first 32 of 16 dims"),
        (16, (1,), "asked for the first 1 of 16"),
    ],
)
def test_widths_that_are_not_there_are_refused(dim, asked, message):
    with pytest.raises(DimensionError, match=message):
        widths(dim, asked)


def test_pairs_are_taken_of_a_sample_that_is_always_the_same_without_copies():
    vectors = arm_vectors(1, 0, PAIRED + 50, 4)
    rows = paired(vectors)
    assert len(rows) == PAIRED
    assert (rows == paired(vectors)).all()
    assert (np.diff(rows) > 0).all()
    vectors[17] = vectors[3]
    assert paired(vectors[:300]).tolist() == [row for row in range(300) if row != 17]


def test_copies_are_left_out_of_pairs_and_are_told_and_change_nothing_that_neighbours_tell(tmp_path):
    rows = arm_vectors(0.5, 0, 400)
    np.save(tmp_path / "once.npy", rows)
    np.save(tmp_path / "twice.npy", np.concatenate([rows, rows[:100], rows[:100]]))
    once, twice = (analyze([EncoderSpec(str(tmp_path / f"{name}.npy"))], Asked()) for name in ("once", "twice"))
    (note,) = twice.notes
    assert note.endswith(
        "200 of 600 rows are copies of others; they were left out of what pairs and neighbours tell, and count in covariances"
    )
    assert once.notes == ()
    assert (twice.subjects[0].copies, twice.subjects[0].paired, twice.subjects[0].rows) == (200, 400, 600)
    for measure in (HUBNESS, TWO_NN, OVERLAP, UNIFORMITY):
        assert value(twice.subjects[0], measure, 16) == value(once.subjects[0], measure, 16)


def test_rows_that_coincide_at_some_widths_are_told_and_so_many_that_nothing_is_known(tmp_path):
    rows = arm_vectors(0.5, 0, 400)
    rows[:40, :8] = rows[0, :8]
    rows[:60, :2] = rows[0, :2]
    np.save(tmp_path / "some.npy", rows)
    found = analyze([EncoderSpec(str(tmp_path / "some.npy"))], Asked(), (2, 8))
    assert [(ties.dim, ties.rows) for ties in found.subjects[0].ties] == [(2, 60), (8, 40)]
    (note,) = found.notes
    assert "of 400 rows some coincide with another, 60 at 2 dims, 40 at 8 dims; intrinsic dims leave these out" in note
    assert note.endswith("at 2 dims hubness and intrinsic dims are not told, of so many")
    assert {one.dim for one in found.subjects[0].values if one.measure == HUBNESS} == {8, 16}


def test_nothing_is_told_of_a_width_at_which_a_tenth_of_the_rows_are_zeros(tmp_path):
    rows = arm_vectors(0.5, 0, 400)
    rows[:60, :2] = 0
    np.save(tmp_path / "some.npy", rows)
    found = analyze([EncoderSpec(str(tmp_path / "some.npy"))], Asked(), (2, 8))
    assert {one.dim for one in found.subjects[0].values} == {8, 16}
    assert "are zeros, which have no direction, 60 at 2 dims; nothing is told of 2 dims, of so many" in found.notes[0]


def test_near_copies_are_told(tmp_path):
    rows = arm_vectors(0.5, 0, 400)
    near = rows[:30] + 1e-3 * np.random.default_rng(1).standard_normal((30, 16)).astype(np.float32)
    np.save(tmp_path / "near.npy", np.concatenate([rows, near]))
    found = analyze([EncoderSpec(str(tmp_path / "near.npy"))], Asked())
    assert found.subjects[0].near_copies == 60
    assert "60 of 430 rows have near-copies, ten times nearer than the next; they were left in" in found.notes[0]


def test_fewer_than_100_different_rows_are_refused(tmp_path):
    np.save(tmp_path / "few.npy", np.repeat(arm_vectors(1, 0, 90), 5, axis=0))
    with pytest.raises(VectorsError, match=r"few\.npy gives 90 different vectors; wanted at least 100 to judge by"):
        analyze([EncoderSpec(str(tmp_path / "few.npy"))], Asked())


def test_a_subject_that_is_named_twice_is_refused(tmp_path):
    np.save(tmp_path / "some.npy", arm_vectors(1, 0, 300))
    spec = EncoderSpec(str(tmp_path / "some.npy"))
    with pytest.raises(EncoderError, match=r"some\.npy is named twice; name each subject once"):
        analyze([spec, spec], Asked())


def test_arms_of_one_name_in_two_studies_are_two_arms(tmp_path):
    specs = []
    for study in ("first", "second"):
        (tmp_path / study / "a-seed0").mkdir(parents=True)
        np.save(tmp_path / study / "a-seed0" / "model.npy", arm_vectors(0.5, 0, 300))
        specs.append(EncoderSpec(str(tmp_path / study / "a-seed0" / "model.npy")))
    found = analyze(specs, Asked())
    assert len({one.name for one in found.subjects}) == 2
    assert found.gaps
    assert all(gap.noise is None for gap in found.gaps)


def test_rows_that_are_all_the_same_are_refused_and_zeros_among_others_are_told(tmp_path):
    rows = np.random.default_rng(0).standard_normal((300, 16)).astype(np.float32)
    rows[7] = 0
    np.save(tmp_path / "some.npy", rows)
    np.save(tmp_path / "none.npy", np.zeros((300, 16), np.float32))
    asked = Asked()
    found = analyze([EncoderSpec.named(str(tmp_path / "some.npy"))], asked)
    assert found.notes[0].endswith("of 300 rows some are zeros, which have no direction, 1 at 8 dims, 1 at 16 dims")
    with pytest.raises(VectorsError, match=r"all 300 rows of .*none\.npy are the same and have no geometry"):
        analyze([EncoderSpec.named(str(tmp_path / "none.npy"))], asked)
