"""The plan of the house, enforced: who imports whom, how large a file may be, what has a test."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {"compiler": "mcompile", "backends": "mcompile.backends", "targets": "mcompile.targets"}
CORE = {
    "errors",
    "wording",
    "types",
    "profile",
    "record",
    "names",
    "files",
    "graph",
    "nbits",
    "oracle",
    "backend",
    "lowering",
    "coverage",
    "guide",
    "standin",
    "plans",
    "bounds",
}
STAGES = {"frontend", "samples", "quantize", "estimate", "measure", "report", "validate"}
ORDER = STAGES | {"reproduce", "rules", "verify", "reference", "registry", "opsets", "targets"}
ORDER |= {"artifact"}
PIPELINE = {
    "pipeline",
    "request",
    "outcome",
    "judgement",
    "ledger",
    "shortfall",
    "remarks",
    "optimizer",
    "handover",
    "layers",
    "inspection",
    "check",
}
PIPELINE |= {
    "forms",
    "integers",
    "trials",
    "worth",
    "options",
    "card",
    "journal",
    "choice",
    "contest",
    "runtimes",
    "shared",
    "datasets",
    "measured",
    "emission",
}
ORDER |= {"protocol"}
CLI = {"cli", "commands", "listing", "explain", "talk", "telling"}

# What each part may import of ours, beside its own folder and the core below it.
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "types": set(),
    "wording": set(),
    "names": {"errors", "wording"},
    "files": {"types"},
    "profile": {"types"},
    "coverage": {"types"},
    "guide": {"errors", "types"},
    "record": {"coverage", "types"},
    "lifting": set(),
    "shapes": {"lifting"},
    "graph": {"errors", "shapes", "types"},
    "nbits": {"graph", "types"},
    "oracle": {"errors", "lifting", "types"},
    "backend": {"coverage", "types", "profile", "record", "errors"},
    "lowering": {"graph", "types"},
    "standin": {"backend", "errors", "graph", "types"},
    "plans": {"errors", "profile", "types"},
    "protocol": {"errors"},
    "bounds": {"errors", "types"},
    "sweep": {"graph"},
    "schemes": {"types"},
    "opsets": {"algebra", "errors", "graph", "types"},
    "algebra": {"errors", "graph", "sweep", "types"},
    "specialize": {"errors", "graph", "oracle", "types"},
    "rules": CORE | {"sweep"},
    "invariants": {"errors", "graph", "types"},
    "reference": CORE,
    "verify": CORE | {"invariants", "reference"},
    "reproduce": CORE | {"reference", "rules", "sweep", "verify"},
    "registry": CORE | {"rules", "backends", "passes"},
    "golden": CORE,
    "claim": {"errors"},
    "artifact": CORE | {"golden", "claim"},
    "journal": {"record"},
    "talk": {"errors"},
    "options": {"errors", "wording"},
    "card": {"errors", "names", "wording", "options", "profile"},
    "passes": CORE | {"algebra", "rules", "sweep"},
    "backends": CORE - {"oracle", "names"} | {"schemes", "sweep"},
    "targets": {"errors", "profile", "types", "wording"},
    "simulate": {"errors", "graph", "oracle", "types"},
    **dict.fromkeys(STAGES, CORE),
    **dict.fromkeys(PIPELINE - {"options", "card", "journal"}, CORE | ORDER | PIPELINE),
    **dict.fromkeys(CLI - {"talk"}, CORE | ORDER | PIPELINE | CLI),
    "": {
        "types",
        "profile",
        "record",
        "pipeline",
        "optimizer",
        "report",
        "options",
        "targets",
        "frontend",
    },
}
LONGEST_FILE, LONGEST_FUNCTION = 250, 40
# These hold fields and nothing to run: whatever makes or reads them is where they are tested.
NOUNS = {
    "mcompile.coverage",
    "mcompile.outcome",
    "mcompile.profile",
    "mcompile.record",
    "mcompile.types",
}


def files() -> Iterator[tuple[str, Path]]:
    """Every module that ships, by its import name."""
    for room, package in ROOMS.items():
        for path in sorted((ROOT / room).rglob("*.py")):
            inner = path.relative_to(ROOT / room).with_suffix("")
            parts = [p for p in inner.parts if p != "__init__"]
            yield ".".join([package, *parts]), path


MODULES = dict(files())


def part(module: str) -> str:
    """The file or folder of the house that a module belongs to."""
    return module.split(".")[1] if "." in module else ""


def imports(path: Path, *, lazy: bool = True) -> Iterator[str]:
    """The modules of ours that a file imports; without `lazy` only those at its top level."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for statement in block.body
        for node in ast.walk(statement)
    }  # fmt: skip
    nodes = ast.walk(tree) if lazy else ast.iter_child_nodes(tree)
    for node in nodes:
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == "mcompile")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "mcompile":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else str(node.module)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_one_way(module: str) -> None:
    own = part(module)
    assert own in ALLOWED, f"{own} has no place in the plan"
    for found in imports(MODULES[module]):
        other = part(found)
        assert other == own or other in ALLOWED[own], f"{module} imports {found}"


def test_passes_and_backends_do_not_know_each_other() -> None:
    for module, path in MODULES.items():
        for room in ("mcompile.passes.", "mcompile.backends."):
            if module.startswith(room):
                own = room + module.removeprefix(room).partition(".")[0]
                near = {f for f in imports(path) if f.startswith(room)}
                siblings = {f for f in near if f != own and not f.startswith(f"{own}.")}
                assert not siblings, f"{module} imports {siblings}"


def test_there_are_no_cycles() -> None:
    graph = {m: {*imports(p, lazy=False)} & {*MODULES} - {m} for m, p in MODULES.items()}
    while leaves := [m for m, needs in graph.items() if not needs & {*graph}]:
        for module in leaves:
            del graph[module]
    assert not graph, f"these import each other: {sorted(graph)}"


@pytest.mark.parametrize("module", MODULES)
def test_files_and_functions_are_short(module: str) -> None:
    text = MODULES[module].read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"


def test_names_say_what_a_file_is_for() -> None:
    empty = {"utils", "util", "common", "base", "manager", "helper", "helpers", "handler", "misc"}
    assert not [m for m in MODULES if m.rpartition(".")[2] in empty]


def test_passes_are_named_by_what_they_do() -> None:
    verbs = ("drop_", "share_", "fold_", "fuse_", "merge_", "push_")
    found = [m.rpartition(".")[2] for m in MODULES if m.startswith("mcompile.passes.")]
    assert found
    assert not [name for name in found if not name.startswith(verbs)]


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith("mcompile.passes.")])
def test_a_pass_explains_its_algebra(module: str) -> None:
    assert len(ast.get_docstring(ast.parse(MODULES[module].read_text(encoding="utf-8"))) or "") > 40


def test_the_tests_mirror_the_rooms() -> None:
    missing = []
    for module, path in MODULES.items():
        room = path.relative_to(ROOT).parent
        name = path.stem if path.stem != "__init__" else ""
        if (
            name
            and module not in NOUNS
            and not any((ROOT / "tests" / room).glob(f"test_{name}*.py"))
        ):
            missing.append(module)
    assert not missing
