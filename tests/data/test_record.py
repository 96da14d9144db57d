from mrl_search.data.record import field_names


def test_field_names_are_one_line_and_not_too_many():
    assert field_names(["a", "b\n"]) == "a, 'b\\n'"
    assert field_names([]) == "nothing"
    assert len(field_names(f"name{number}" for number in range(100))) == 201
