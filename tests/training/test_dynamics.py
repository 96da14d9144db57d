from mrl_search.training.dynamics import joined, read_rows, write_rows


def test_parts_are_joined_by_step_and_what_else_lies_there_is_left_alone(tmp_path):
    write_rows([{"step": 3, "loss": 0.5}], tmp_path / "00000003.parquet")
    write_rows([{"step": 1, "loss": 1.0}, {"step": 2, "loss": 0.7}], tmp_path / "00000002.parquet")
    (tmp_path / "notes.txt").write_text("mine")
    assert [row["step"] for row in joined(tmp_path)] == [1, 2, 3]


def test_rows_come_back_as_they_were(tmp_path):
    rows = [{"step": 1.0, "loss@4": 1 / 3}, {"step": 2.0, "loss@4": 1e-30}]
    write_rows(rows, tmp_path / "d.parquet")
    assert read_rows(tmp_path / "d.parquet") == rows


def test_a_folder_that_is_not_there_has_no_rows(tmp_path):
    assert joined(tmp_path / "none") == []
