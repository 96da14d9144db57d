from mrl_search.geometry import shown_diff, write_shown


def test_the_table_has_ranges_over_seeds_and_every_format_is_written(diffed, tmp_path):
    shown = shown_diff(diffed)
    assert shown.table.startswith("mrl-seed0 beside baseline-seed0: 150 texts of")
    assert shown.table.count("[") > 3 * len(diffed.pair.matrices)  # of change, rank and angle
    for ending in ("json", "md", "html", "png", "svg"):
        write_shown(shown, tmp_path / f"diff.{ending}")
    assert "## prefixes\n\n| dims | cca |" in (tmp_path / "diff.md").read_text()
