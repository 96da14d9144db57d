"""The command line: parse, call one library function, print.

Results go to stdout, everything else to stderr. Exit code 1 is an error of
ours in one line, 2 a wrong call. Nothing heavy is imported before a verb runs.
"""

import errno
import gc

import click

from mrl_search.cli.adapt import adapt_command
from mrl_search.cli.add import add_command
from mrl_search.cli.analyze import analyze_command
from mrl_search.cli.build import build_command
from mrl_search.cli.check import check_command
from mrl_search.cli.claims import claims_command
from mrl_search.cli.compact import compact_command
from mrl_search.cli.compare import compare_command
from mrl_search.cli.delete import delete_command
from mrl_search.cli.demo import demo_command
from mrl_search.cli.diff import diff_command
from mrl_search.cli.doctor import doctor_command
from mrl_search.cli.dynamics import dynamics_command
from mrl_search.cli.evaluate import eval_command
from mrl_search.cli.guarantee import guarantee_command
from mrl_search.cli.info import info_command
from mrl_search.cli.keys import keys_command
from mrl_search.cli.query import query_command
from mrl_search.cli.report import report_command
from mrl_search.cli.serve import serve_command
from mrl_search.cli.shards import shards_command
from mrl_search.cli.show import one_line
from mrl_search.cli.train import train_command
from mrl_search.cli.tune import tune_command
from mrl_search.cli.words import words_command
from mrl_search.errors import MRLSearchError

_COLLECT_SELDOM = (100_000, 50, 100)
"""Of garbage collection: a model is millions of objects, and looking through them as often as Python does is a sixth of
a query that has to load one."""


class _Verbs(click.Group):
    """Shows our errors as click shows its own."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except MRLSearchError as error:
            raise click.ClickException(one_line(str(error))) from error
        except KeyboardInterrupt:
            click.echo(err=True)  # the terminal has just shown ^C, perhaps behind a bar
            raise click.ClickException("interrupted; nothing was left half-done") from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # `| head`: click ends quietly
                raise
            raise click.ClickException(f"{error.filename or 'output'}: {error.strerror or error}") from error


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mrl-search")
def main() -> None:
    """Adaptive (Matryoshka) retrieval: shortlist by a short prefix of each embedding, rerank by longer ones."""
    gc.set_threshold(*_COLLECT_SELDOM)


for _verb in (
    build_command,
    query_command,
    add_command,
    delete_command,
    compact_command,
    check_command,
    words_command,
    shards_command,
    eval_command,
    compare_command,
    report_command,
    claims_command,
    train_command,
    adapt_command,
    doctor_command,
    analyze_command,
    diff_command,
    dynamics_command,
    tune_command,
    guarantee_command,
    info_command,
    serve_command,
    keys_command,
    demo_command,
):
    main.add_command(_verb)
