"""A study as the tables people read."""

from collections.abc import Iterator

from mrl_search.eval import ComparedArm, Kept, Measured, Study
from mrl_search.training.grid_table import grids, is_grid
from mrl_search.training.study_cells import LEGEND, seeds_note, told_difference

_FIRST, _NAMED = "the first arm", "the arm that is named"


def table(study: Study) -> str:
    """For each collection and rotation: a line for each arm with every width, and one for its difference.

    A study of several depths is told as Markdown here too.
    """
    if is_grid(study):
        return grids(study)
    blocks = [_block(study, dataset, rotation) for dataset, rotation in _pages(study)]
    margin = study.compared[0].difference.margin if study.compared else 0
    return "\n\n".join([*blocks, LEGEND.format(others=_others(study), margin=margin)] if study.compared else blocks)


def markdown(study: Study) -> str:
    """The same as Markdown tables, for a README or a model card, with what each width keeps of the arm's own widest."""
    if is_grid(study):
        return grids(study)
    widths = _widths(study)
    lines: list[str] = []
    for dataset, rotation in _pages(study):
        rows = list(_rows(study, dataset, rotation))
        lines += ["", f"{dataset}, {rows[0][1][0].measure}, rotation {rotation}:", ""]
        lines += ["| arm | " + " | ".join(map(str, widths)) + " |", "|---" * (len(widths) + 1) + "|"]
        for name, found in rows:
            kept = {
                one.dim: one for one in study.kept if (one.dataset, one.rotation, one.arm) == (dataset, rotation, name)
            }
            cells = [f"{_mean(found, dim):.4f}{_kept(found, dim, kept.get(dim))}" for dim in widths]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
            for rival, told in _compared(study, dataset, rotation, name).items():
                cells = [told_difference(told[dim].difference) for dim in widths]
                lines.append(f"| {name} − {rival or rows[0][0]} | " + " | ".join(cells) + " |")
    return "\n".join([*lines[1:], *_notes(study)])


def _kept(found: list[Measured], dim: int, kept: Kept | None) -> str:
    """The share of the arm's own widest; its interval, if it was measured, of all but the widest itself."""
    widest = max(one.dim for one in found)
    if not _mean(found, widest):
        return ""
    interval = f" [{kept.share.low:.1%}, {kept.share.high:.1%}]" if kept is not None and dim < widest else ""
    return f" ({_mean(found, dim) / _mean(found, widest):.1%}{interval})"


def _notes(study: Study) -> list[str]:
    """What a reader of the differences must know."""
    if not study.compared:
        return []
    return [
        "",
        "In brackets: the share of the arm's own full width" + (", with its 95 % interval." if study.kept else "."),
        LEGEND.format(others=_others(study), margin=study.compared[0].difference.margin)
        + "; no correction for many comparisons.",
        seeds_note(study),
    ]


def _block(study: Study, dataset: str, rotation: str) -> str:
    rows, widths = list(_rows(study, dataset, rotation)), _widths(study)
    title = f"{dataset}, {rows[0][1][0].measure}, rotation {rotation}"
    longest = max(len(name) for name, _ in rows) + 4
    lines = [title, " " * longest + "".join(f"{dim:>28}" for dim in widths)]
    for name, found in rows:
        lines.append(f"{name:<{longest}}" + "".join(f"{_mean(found, dim):>28.4f}" for dim in widths))
        for rival, told in _compared(study, dataset, rotation, name).items():
            head = f"  − {rival or rows[0][0]}"
            lines.append(
                f"{head:<{longest}}" + "".join(f"{told_difference(told[dim].difference):>28}" for dim in widths)
            )
    return "\n".join(lines)


def _compared(study: Study, dataset: str, rotation: str, arm: str) -> dict[str | None, dict[int, ComparedArm]]:
    """Rival (None: the first arm) → width → the arm less that; empty for the first itself."""
    found: dict[str | None, dict[int, ComparedArm]] = {}
    for one in study.compared:
        if (one.dataset, one.rotation, one.arm) == (dataset, rotation, arm):
            found.setdefault(one.against, {})[one.dim] = one
    return found


def _others(study: Study) -> str:
    """What the differences are from, for the legend."""
    return _FIRST if len({one.against for one in study.compared}) < 2 else _NAMED


def _pages(study: Study) -> Iterator[tuple[str, str]]:
    yield from dict.fromkeys((one.dataset, one.rotation) for one in study.measured)


def _widths(study: Study) -> list[int]:
    return sorted({one.dim for one in study.measured}, reverse=True)


def _rows(study: Study, dataset: str, rotation: str) -> Iterator[tuple[str, list[Measured]]]:
    here = [one for one in study.measured if (one.dataset, one.rotation) == (dataset, rotation)]
    for arm in dict.fromkeys(one.arm for one in here):
        yield arm, [one for one in here if one.arm == arm]


def _mean(found: list[Measured], dim: int) -> float:
    values = [one.mean for one in found if one.dim == dim]
    return sum(values) / len(values)
