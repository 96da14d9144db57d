"""The architecture as a test: floors, lazy imports, the public door, mirrored folders."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mrl_search

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "mrl_search"
FLOORS = {
    0: "adapter atomic cache columns device document errors fidelity funnel fusion hits progress provenance recipe results "
    "rotation run terms vectors",
    1: "adapters data encoders gpu indexes rotations",
    2: "adapting builder calibration drift encoding guarantee hybrid ingest living placing plan retriever sampling "
    "survival trace",
    3: "eval geometry scale serve training tuning",
    4: "__main__ cli",
}
MATES = {  # on floors 0 and 2 all may know each other
    ("adapters", "rotations"),
    ("gpu", "indexes"),
    ("training", "eval"),
    ("tuning", "eval"),
    ("scale", "serve"),
    *(("geometry", room) for room in ("eval", "training", "tuning")),
    ("__main__", "cli"),
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms.split()}
HEAVY = {
    "safetensors": {"adapter", "training"},
    "faiss": {"gpu", "indexes"},
    "torch": {"adapters", "device", "encoders", "geometry", "gpu", "rotations", "training"},
    "triton": {"gpu"},
    "numba": {"indexes"},
    "llvmlite": {"indexes"},
    "transformers": {"encoders", "training"},
    "sentence_transformers": {"encoders", "training"},
    "openai": {"encoders"},
    "datasets": {"data", "training"},
    "pyarrow": {"data", "training"},
    "ir_measures": {"eval"},
    "Stemmer": {"indexes"},
    "mteb": {"eval"},
    "fastapi": {"serve"},
    "starlette": {"serve"},
    "pydantic": {"serve"},
    "pydantic_core": {"serve"},
    "uvicorn": {"serve"},
    "prometheus_client": {"serve"},
    "httpx2": {"serve"},
    "ray": {"scale"},
    "fsspec": {"scale"},
    "click": {"cli"},
}


def rooms():
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE).parts
        if inside != ("__init__.py",):
            yield inside[0].removesuffix(".py"), path


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def test_every_room_has_a_floor():
    assert {room for room, _ in rooms()} == set(FLOOR_OF)


def test_a_room_imports_only_from_lower_floors_or_floor_mates_that_may_know_each_other():
    wrong = []
    for room, path in rooms():
        for name in imports(path):
            parts = name.split(".")
            if parts[0] != "mrl_search" or len(parts) == 1 or parts[1] == room:
                continue
            here, there = FLOOR_OF[room], FLOOR_OF[parts[1]]
            mates = (room, parts[1]) in MATES or here in (0, 2)
            if there > here or (there == here and not mates):
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong


def test_each_heavy_library_has_one_home():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for room, path in rooms()
        for name in imports(path)
        if room not in HEAVY.get(name.split(".")[0], {room})
    ]
    assert not wrong


def test_measures_of_geometry_are_numpy_alone():
    for name in ("moments", "isotropy", "spectrum", "pairs", "copies", "intrinsic", "outliers", "similarity"):
        known = {"__future__", "collections.abc", "dataclasses", "itertools", "typing", "numpy", "numpy.typing"}
        rest = set(imports(PACKAGE / "geometry" / f"{name}.py")) - known
        assert {name.split(".")[1] for name in rest} <= {"geometry", "hits", "vectors"}, name


@pytest.mark.parametrize(
    "module",
    [
        "mrl_search",
        "mrl_search.adapters",
        "mrl_search.cli",
        "mrl_search.data",
        "mrl_search.encoders",
        "mrl_search.indexes",
        "mrl_search.rotations",
        "mrl_search.scale",
        "mrl_search.serve",
    ],
)
def test_importing_loads_nothing_heavy(module):
    code = f"import sys, {module}; print(*({set(HEAVY) - {'click'}!r} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


def test_the_public_names_are_what_is_really_there():
    assert len(mrl_search.__all__) <= 20
    assert mrl_search.__all__ == sorted(mrl_search.__all__)
    assert set(mrl_search._HOMES) == set(mrl_search.__all__)
    for name in mrl_search.__all__:
        assert getattr(mrl_search, name) is not None
    assert set(mrl_search.__all__) <= set(dir(mrl_search))


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'mrl_search' has no attribute 'nonsense'"):
        _ = mrl_search.nonsense


def test_the_package_says_it_is_typed():
    assert (PACKAGE / "py.typed").exists()


def test_files_stay_short():
    long = [str(path.relative_to(ROOT)) for _, path in rooms() if len(path.read_text().splitlines()) > 300]
    assert not long


@pytest.mark.parametrize("folder", ["indexes", "eval", "training"])
def test_each_outer_folder_names_its_inner_twin_first(folder):
    first = (ROOT / folder / "README.md").read_text(encoding="utf-8").splitlines()[0]
    assert f"`mrl_search/{folder}/`" in first
