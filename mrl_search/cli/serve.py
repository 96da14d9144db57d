"""mrl-search serve."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mrl_search.cli.options import PlaceType, device_option, ray_option

if TYPE_CHECKING:
    from mrl_search.serve import Settings

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("serve")
@click.argument("indexes", nargs=-1, type=PlaceType(), metavar="[INDEX]...")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: any that is free.")
@click.option("--keys", type=_FILE, help="File of API keys; `mrl-search keys` makes it.")
@click.option("--insecure", is_flag=True, help="Listen on a public address without keys.")
@click.option("--read-only", is_flag=True, help="Neither add nor delete documents.")
@click.option("--tls-cert", type=_FILE, help="Certificate chain (PEM).")
@click.option("--tls-key", type=_FILE, help="Its private key (PEM).")
@click.option("--cors", "origins", multiple=True, metavar="ORIGIN", help="Let pages of this origin call; repeatable.")
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME", help="Another name the server is called by.")
@click.option("--tuning", type=_FILE, multiple=True, help="What `tune --json` printed, for the page; repeatable.")
@click.option("--batch", type=click.IntRange(1), default=64, show_default=True, help="Most queries searched at once.")
@click.option("--window", type=click.FloatRange(0), default=0.0, show_default=True, help="Ms the first waits for more.")
@click.option("--queue", type=click.IntRange(1), default=256, show_default=True, help="Queries that may wait.")
@click.option("--timeout", type=click.FloatRange(0.1), default=10.0, show_default=True, help="Seconds for an answer.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Requests a second of each key or address.")
@click.option("--max-k", type=click.IntRange(1), default=1000, show_default=True, help="Most answers.")
@click.option("--max-body", type=click.IntRange(1), default=16, show_default=True, help="Most MiB of a request.")
@click.option("--max-documents", type=click.IntRange(1), default=1000, show_default=True, help="Most in one request.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="What is logged, one JSON object a line.",
)
@ray_option
@click.option("--replicas", type=click.IntRange(1), default=1, show_default=True, help="On Ray: of each shard.")
@click.option("--servers", type=click.IntRange(1), default=1, show_default=True, help="HTTP processes; on Ray at most.")
@device_option
def serve_command(log_level: str, ray: str | None, replicas: int, servers: int, **told: Any) -> None:
    """Serve each INDEX over HTTP: an API, a web page, metrics. The index built last if none is named."""
    from mrl_search.scale import AnyStore
    from mrl_search.serve import serve

    settings = _settings(servers=servers if ray is None else 1, **told)

    def tell(address: str) -> None:
        names = ", ".join(folder.name for folder in settings.indexes)
        click.echo(f"serving {names} at {address}", err=True)

    if ray is None:
        serve(settings, tell, log_level, AnyStore(is_shared=servers > 1))
        return
    from mrl_search.scale.ray_session import demand_ray

    demand_ray()
    from mrl_search.scale.ray_serving import Running, serve_on_ray

    serve_on_ray(settings, Running(ray, replicas, servers), tell)


def _settings(
    indexes: tuple[Path | str, ...],
    tuning: tuple[Path, ...],
    batch: int,
    window: float,
    queue: int,
    timeout: float,
    rate: float | None,
    max_k: int,
    max_body: int,
    max_documents: int,
    tls_cert: Path | None,
    insecure: bool,
    **other: Any,
) -> "Settings":
    """What was typed, as settings. Raises ServeError, and IndexStoreError where there is no index."""
    from mrl_search.indexes import find_index
    from mrl_search.scale import find_cluster
    from mrl_search.serve import Batching, Limits, Settings, Timeouts

    candidates = max(10_000, 20 * max_k)
    return Settings(
        indexes=tuple(find_cluster(one) or find_index(Path(one)) for one in indexes) or (find_index(None),),
        tunings=dict(_tuning(path) for path in tuning),
        batching=Batching(batch, window, queue),
        limits=Limits(
            body_bytes=max_body * 2**20, k=max_k, documents=max_documents, requests_per_second=rate,
            candidates=candidates, answers=max(20_000, candidates),
        ),
        timeouts=Timeouts(request=timeout),
        tls_certificate=tls_cert,
        forced=insecure,
        **other,
    )  # fmt: skip


def _tuning(path: Path) -> tuple[str, dict[str, Any]]:
    """The index that was tuned, and what was found."""
    from mrl_search.tuning import Tuning

    found = Tuning.read(path)
    told: dict[str, Any] = json.loads(found.to_json())
    del told["provenance"]
    source = found.source if found.source == "documents" else "queries"  # not the name of their file
    return Path(found.index).resolve().name, told | {"index": Path(found.index).name, "build": "", "source": source}
