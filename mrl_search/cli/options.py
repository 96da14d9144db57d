"""Options that several verbs share."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mrl_search.errors import FunnelError, FusionError, GuaranteeError
from mrl_search.funnel import Funnel
from mrl_search.fusion import Fusion

if TYPE_CHECKING:
    from mrl_search.encoders import EncoderSpec

F = TypeVar("F", bound=Callable[..., Any])


class DimsType(click.ParamType[Any]):
    """`64,768` as (64, 768)."""

    name = "D,D"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """A tuple of whole numbers, or a usage error."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of widths; wanted for instance 64,768", param, ctx)


class FunnelType(click.ParamType[Any]):
    """`64:200,768:10` as a Funnel."""

    name = "D:K,D:K"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Funnel:
        """A Funnel, or a usage error with the reason."""
        if isinstance(value, Funnel):
            return value
        try:
            return Funnel.parse(value)
        except FunnelError as error:
            self.fail(str(error), param, ctx)


class GuaranteeType(click.ParamType[Any]):
    """`exact`, or a recall as `0.99`."""

    name = "exact|R"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | float:
        """A level, or a usage error with the reason."""
        from mrl_search.guarantee import parsed

        try:
            return parsed(value)
        except GuaranteeError as error:
            self.fail(str(error), param, ctx)


class FusionType(click.ParamType[Any]):
    """`rrf`, or the share of words, as `0.2`."""

    name = "rrf|SHARE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """A fusion's text, or a usage error with the reason."""
        try:
            return str(Fusion.parse(value))
        except FusionError as error:
            self.fail(str(error), param, ctx)


class PlaceType(click.ParamType[Any]):
    """A folder; or the URL of one in object storage, as s3://BUCKET/NAME."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path | str:
        """A Path, or the URL as text."""
        from mrl_search.scale.storage import place

        return place(value) if isinstance(value, str) else value


def corpus_options(command: F) -> F:
    """How a corpus is read."""
    vectors = click.option(
        "--vectors", type=click.Path(path_type=Path), help="Vectors (.npy) in step with CORPUS, not encoded here."
    )
    tolerated = click.option(
        "--skip-bad", type=click.IntRange(min=0), default=0, metavar="N", help="Tolerate up to N bad records."
    )
    return vectors(tolerated(command))


def encoder_options(command: F) -> F:
    """What an encoder may be told besides its name."""
    options = (
        click.option("--query-prompt", metavar="TEXT", help="Put before every query; the model's own by default."),
        click.option(
            "--document-prompt", metavar="TEXT", help="Put before every document; the model's own by default."
        ),
        click.option("--adapter", metavar="DIR", help="What `adapt` wrote: vectors pass through it before all else."),
        click.option("--layer-norm", is_flag=True, default=None, help="LayerNorm vectors before cutting them."),
        click.option(
            "--precision",
            type=click.Choice(["auto", "float32", "bfloat16", "float16"]),
            default="auto",
            help="What the encoder computes in; auto: bfloat16 for minilm-768 where CPU or card has it.",
        ),
        click.option("--no-cache", is_flag=True, help="Neither read nor write the embedding cache."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def device_option(command: F) -> F:
    """Where the heavy work is done."""
    told = "auto (a CUDA card if there is one), cpu, cuda or cuda:N."
    return click.option("--device", default="auto", show_default=True, metavar="NAME", help=told)(command)


def encoding_device_option(command: F) -> F:
    """Where texts are encoded, of a verb whose other work is about the CPU's prefix index."""
    told = "What encodes texts, as for build; all else is done on the CPU, and is about its prefix index."
    return click.option("--device", default="auto", show_default=True, metavar="NAME", help=told)(command)


def ray_option(command: F) -> F:
    """Which Ray cluster does the work of a cluster of shards."""
    told = "On Ray: `local` starts one here, HOST:PORT joins one; without a value, the one this node is of."
    return click.option("--ray", is_flag=False, flag_value="auto", metavar="ADDRESS", help=told)(command)


def geometry_outputs(command: F) -> F:
    """What a geometry command prints, and writes beside."""
    as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    told = "Where to write it too; .json, .md, .html, .png or .svg; repeat for several."
    outs = click.option("--out", "outs", multiple=True, type=click.Path(path_type=Path), help=told)
    return outs(as_json(command))


def demand_queries(given: object) -> None:
    """Raises ClusterError where no held-out queries are given, of a verb that takes documents for them elsewhere."""
    from mrl_search.errors import ClusterError

    if given is None:
        raise ClusterError(
            "documents cannot stand for the queries of a cluster; give held-out ones with --queries FILE"
        )


def program() -> str:
    """What to type to run this program again: its name, or where it is if that is not on the PATH."""
    return "mrl-search" if shutil.which("mrl-search") else str(Path(sys.executable).parent / "mrl-search")


def encoder_spec(name: str | None, vectors: Path | None, **told: Any) -> "EncoderSpec | None":
    """The spec of the encoder that was named, with what it was told; None when vectors make one needless."""
    from mrl_search.builder import DEFAULT_ENCODER
    from mrl_search.encoders import EncoderSpec

    if name is None and vectors is not None and told.get("adapter"):
        return EncoderSpec("precomputed", adapter=told["adapter"])
    return (
        None
        if name is None and vectors is not None
        else EncoderSpec.named(DEFAULT_ENCODER if name is None else name, **told)
    )
