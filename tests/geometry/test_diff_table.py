from mrl_search.geometry import shown_diff, write_shown


def test_the_table_has_ranges_over_seeds_and_every_format_is_written(diffed, tmp_path):
    shown = shown_diff(diffed)
    assert shown.table.startswith("mrl-seed0 beside baseline-seed0: 150 texts of")
    assert shown.table.count("[") > 3 * len(diffed.pair.matrices)  # of change, rank and angle
    for ending in ("json", "md", "html", "png", "svg"):
        write_shown(shown, tmp_path / f"diff.{ending}")
    assert "## prefixes\n\n| dims | cca |" in (tmp_path / "diff.md").read_text()


def test_the_picture_has_a_band_over_seeds_for_each_line_in_its_colour_and_layers_by_name(diffed):
    left, middle, right = shown_diff(diffed).figure().axes
    assert [len(panel.collections) for panel in (left, middle, right)] == [2, 3, 1]
    assert [label.get_text() for label in right.get_xticklabels()] == ["before", "layer 0", "layer 1", "after"]
    (seed,) = diffed.seeds
    assert left.lines[1].get_ydata().tolist() == [one.cka for one in seed.layers]  # the lower end
