"""The command line as a user meets it: what it prints, where, and with which exit code."""

import click
from calls import call

from mrl_search.cli import main


def test_help_lists_every_verb_with_a_line():
    listed = call("--help").stdout
    assert all(f"\n  {verb} " in listed for verb in main.commands)
    for verb, command in main.commands.items():
        assert command.help, verb
        assert all(option.help for option in command.params if isinstance(option, click.Option)), verb


def test_an_error_is_one_line_on_stderr_and_exit_code_1(here):
    result = call("build", "nowhere.jsonl", code=1)
    assert result.stdout == ""
    assert result.stderr == "Error: there is no file or folder nowhere.jsonl\n"
