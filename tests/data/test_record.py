from mrl_search.data.record import field_names, has_surrogate


def test_half_a_surrogate_pair_is_told_from_text():
    assert [has_surrogate(text) for text in ("plain", "漢字 😀", "\ud800")] == [False, False, True]


def test_field_names_are_one_line_and_not_too_many():
    assert field_names(["a", "b\n"]) == "a, 'b\\n'"
    assert field_names([]) == "nothing"
    assert len(field_names(f"name{number}" for number in range(100))) == 201
