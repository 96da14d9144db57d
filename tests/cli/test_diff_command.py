import json

from click.testing import CliRunner

from mrl_search.cli import main


def test_two_models_are_compared_on_texts(tiny, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("".join(f"word{n % 60} word{n * 7 % 59}\n" for n in range(120)))
    words = ["diff", str(tiny), str(tiny), "--texts", str(texts), "--json", "--out", str(tmp_path / "d.md")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert [one["layers"] for one in json.loads(done.stdout)["pair"]["layers"]] == [1, 2]
    assert (tmp_path / "d.md").exists()


def test_what_is_no_model_is_an_error_in_one_line(tmp_path):
    done = CliRunner().invoke(main, ["diff", str(tmp_path / "none"), str(tmp_path / "none")])
    assert done.exit_code == 1
    assert "there is no model folder" in done.output
