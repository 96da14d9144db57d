"""How the tests of the command line call it, and the corpus they call it on."""

from click.testing import CliRunner

from mrl_search.cli import main

DOCUMENTS = [
    {"_id": "fox", "title": "Animals", "text": "A red fox ran. It was quick.", "year": 1999},
    {"_id": "law", "title": "", "text": "The tax law of the land."},
    {"_id": "whale", "title": "Sea", "text": "A blue whale sings."},
]


def call(*words, code=0, stdin=None):
    result = CliRunner().invoke(main, words, input=stdin)
    assert result.exit_code == code, result.output
    return result
