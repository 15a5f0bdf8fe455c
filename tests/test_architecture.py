"""The shape of the project, read from its own sources: who may import whom, and what every module comes with.

The ranks are the design's (CONTRIBUTING.md has the picture); imports are read with ``ast``, wherever in a module they
stand: inside a function, under ``if TYPE_CHECKING`` (a type that is needed is a dependency as well), or by
``importlib.import_module`` with a literal name.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "loadtest"

RANKS = {
    PACKAGE: 0,  # loadtest/__init__.py: the version, and nothing that imports
    "errors": 0,
    "clock": 0,
    "nouns": 0,
    "cable": 1,
    "contract": 1,
    "metrics": 1,
    "directory": 1,
    "journal": 1,
    "collect": 2,
    "plan": 2,
    "api": 2,
    "transport": 3,
    "rest": 3,
    "store": 3,
    "analysis": 3,
    "refserver": 3,
    "distributed": 4,
    "report": 4,
    "target": 4,
    "users": 5,
    "plugin": 6,
    "drive": 6,
    "cli": 7,  # its verbs start what drive runs
    "__main__": 8,  # python -m loadtest: calls cli
}

GEVENT = frozenset({"gevent", "geventhttpclient", "locust"})
MAY_GEVENT = ("transport.gevent_ws", "transport.opening", "rest", "users", "distributed", "plugin")
MAY_LOCUST = ("users", "distributed", "plugin")

VAGUE_NAMES = frozenset(
    {"utils", "util", "helpers", "helper", "common", "types", "misc", "tools", "base", "core", "lib"}
)
MAX_LINES = 450
UNMIRRORED_FOLDERS = frozenset({"e2e", "calibration", "bench"})
UNMIRRORED_TESTS = frozenset({"test_architecture.py", "test_conftest.py"})


def module_name(path: Path) -> str:
    """``loadtest/a/b.py`` -> ``loadtest.a.b``; a package is named by its folder."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def sources() -> dict[str, Path]:
    """Every module of the package by its name."""
    return {module_name(path): path for path in sorted((ROOT / PACKAGE).rglob("*.py"))}


@cache
def imports() -> dict[str, frozenset[str]]:
    """What each module imports, by dotted name; a name imported from a package is its submodule where there is one."""
    return {
        name: frozenset(imported(ast.parse(path.read_text(), str(path)), name, path, sources().keys()))
        for name, path in sources().items()
    }


def imported(tree: ast.Module, name: str, path: Path, modules: object) -> set[str]:
    """The modules that a module's text imports."""
    assert hasattr(modules, "__contains__")
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                submodule = f"{origin}.{alias.name}"
                found.add(submodule if submodule in modules else origin)
        elif isinstance(node, ast.Call) and called(node) in {"import_module", "__import__"} and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                found.add(first.value)
    return found


def called(node: ast.Call) -> str:
    """The last part of the name that is called."""
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def unit(module: str) -> str:
    """The part of the project a module belongs to: ``loadtest.cable.frames`` -> ``cable``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else PACKAGE


def within(module: str, places: tuple[str, ...]) -> bool:
    """Whether a module is one of the places or inside one."""
    return any(f"{module}.".startswith(f"{PACKAGE}.{place}.") for place in places)


def is_ours(module: str) -> bool:
    """Whether a dotted name is in the package."""
    return module.split(".")[0] == PACKAGE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import loadtest.clock as c", {"loadtest.clock"}),
        ("from loadtest import clock", {"loadtest.clock"}),
        ("from loadtest.clock import Clock", {"loadtest.clock"}),
        ("from . import frames", {"loadtest.cable.frames"}),
        ("from .frames import decode", {"loadtest.cable.frames"}),
        ("from ..clock import Clock", {"loadtest.clock"}),
        ("def f():\n    import gevent.hub", {"gevent.hub"}),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import locust", {"typing", "locust"}),
        ("import importlib\nimportlib.import_module('loadtest.store')", {"importlib", "loadtest.store"}),
    ],
)
def test_imports_are_found_however_they_are_written(text: str, expected: set[str]) -> None:
    """The reader that the other tests rest on sees absolute, relative, nested and dynamic imports."""
    known = {"loadtest.clock", "loadtest.cable.frames", "loadtest.store"}

    actual = imported(ast.parse(text), "loadtest.cable.connection", Path("connection.py"), known)

    assert expected == actual


def test_every_part_has_a_rank() -> None:
    """A new package or top-level module is placed in the order before it imports anything."""
    unranked = sorted({unit(module) for module in sources()} - RANKS.keys())

    assert not unranked


def test_imports_go_to_smaller_ranks() -> None:
    """An import goes to a smaller rank, or stays inside its package."""
    wrong = [
        f"{module} (rank {RANKS[unit(module)]}) imports {target} (rank {RANKS[unit(target)]})"
        for module, targets in imports().items()
        for target in sorted(targets)
        if is_ours(target)
        and unit(target) not in (unit(module), PACKAGE)
        and RANKS[unit(target)] >= RANKS[unit(module)]
    ]

    assert not wrong


def test_the_root_package_imports_nothing_of_its_own() -> None:
    """``import loadtest`` costs nothing and patches nothing."""
    wrong = sorted(target for target in imports()[PACKAGE] if is_ours(target))

    assert not wrong


def test_no_package_imports_in_circles() -> None:
    """Inside a package the modules' imports have a direction as well."""
    circles = []
    for start in imports():
        reached: set[str] = set()
        ahead = [target for target in imports()[start] if unit(target) == unit(start)]
        while ahead:
            module = ahead.pop()
            if module not in reached and module in imports():
                reached.add(module)
                ahead += [target for target in imports()[module] if unit(target) == unit(start)]
        if start in reached:
            circles.append(start)

    assert not circles


def test_every_import_of_ours_exists() -> None:
    """No module imports one that is not there, in a branch that no test happens to reach."""
    missing = [
        f"{module} imports {target}"
        for module, targets in imports().items()
        for target in sorted(targets)
        if is_ours(target) and target not in sources()
    ]

    assert not missing


def test_only_the_outer_parts_import_gevent_or_locust() -> None:
    """Whoever imports gevent or Locust, however indirectly in the text, is one of the parts meant to."""
    wrong = [
        f"{module} imports {target}"
        for module, targets in imports().items()
        for target in sorted(targets)
        if (target.split(".")[0] in GEVENT and not within(module, MAY_GEVENT))
        or (target.split(".")[0] == "locust" and not within(module, MAY_LOCUST))
    ]

    assert not wrong


_TRY_EACH = """
import importlib, json, sys
failed, patched = {}, {}
for name in json.loads(sys.argv[1]):
    try:
        importlib.import_module(name)
    except Exception as error:
        failed[name] = repr(error)
    for guest in ("gevent", "locust"):
        if guest in sys.modules:
            patched.setdefault(guest, name)
print(json.dumps([failed, patched]))
"""


def import_freshly(names: list[str]) -> list[dict[str, str]]:
    """Import modules one after the other in a new interpreter.

    Returns:
        Errors by module, and for gevent and Locust the first module after whose import they were loaded.
    """
    command = [sys.executable, "-W", "error", "-c", _TRY_EACH, json.dumps(names)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    answer: list[dict[str, str]] = json.loads(done.stdout)
    return answer


def test_the_inner_parts_load_neither_gevent_nor_locust() -> None:
    """In a fresh interpreter everything but the outer parts imports without patching the process."""
    inner = [name for name in sources() if not within(name, (*MAY_GEVENT, "__main__"))]

    failed, patched = import_freshly(inner)

    assert not failed
    assert not patched


def test_import_loadtest_loads_no_scientific_library() -> None:
    """``import loadtest`` is light: neither gevent nor numpy comes with it."""
    script = (
        "import json, sys, loadtest; print(json.dumps([m for m in ('gevent', 'locust', 'numpy') if m in sys.modules]))"
    )

    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert not json.loads(done.stdout)


def test_every_module_has_its_test() -> None:
    """``loadtest/a/b.py`` is tested in ``tests/a/test_b.py``."""
    missing = []
    for path in sources().values():
        if path.name in ("__init__.py", "__main__.py"):
            continue
        place = path.relative_to(ROOT / PACKAGE)
        mirror = ROOT / "tests" / place.parent / f"test_{place.name}"
        if not mirror.exists():
            missing.append(str(mirror.relative_to(ROOT)))

    assert not sorted(missing)


def test_every_test_has_its_module() -> None:
    """A test file names a module that exists, save where whole systems are tested."""
    strays = []
    for path in (ROOT / "tests").rglob("test_*.py"):
        place = path.relative_to(ROOT / "tests")
        if place.parts[0] in UNMIRRORED_FOLDERS or str(place) in UNMIRRORED_TESTS:
            continue
        if not (ROOT / PACKAGE / place.parent / place.name.removeprefix("test_")).exists():
            strays.append(str(path.relative_to(ROOT)))

    assert not sorted(strays)


def test_every_folder_of_tests_is_a_package() -> None:
    """Test files of the same name in two folders do not collide."""
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}

    assert not sorted(str(folder) for folder in folders if not (folder / "__init__.py").exists())


def test_names_say_something() -> None:
    """No module or package is called utils, helpers, common, types or misc."""
    vague = [module for module in sources() if VAGUE_NAMES & {part.strip("_") for part in module.split(".")}]

    assert not vague


def test_modules_stay_short() -> None:
    """A module of more than 450 lines is more than one."""
    lengths = {module: len(path.read_text().splitlines()) for module, path in sources().items()}

    assert not {module: n for module, n in lengths.items() if n > MAX_LINES}


def test_every_module_says_what_it_is_for() -> None:
    """Each module opens with a docstring."""
    silent = [module for module, path in sources().items() if not ast.get_docstring(ast.parse(path.read_text()))]

    assert not silent
