"""The works of the contest by name, each done in the interpreter that has its tool."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from zoo.workshop import Work, serve

_LIMIT = 900.0
"""Seconds after which a tool is given up."""
TORCH, ONNX2TF, QUANTIZER, OURS = "litert-torch", "onnx2tf", "ai-edge-quantizer", "mcompile"
_PACKAGES = {
    TORCH: ["litert-torch", "ai-edge-quantizer", "torch"],
    ONNX2TF: ["onnx2tf", "tensorflow"],
    OURS: ["mcompile"],
    "litert": ["ai-edge-litert"],
}
_WORKS = {
    "convert/litert-torch": ("litert_contest.torch_side", "convert", ["litert_torch"]),
    "quantize/litert-torch": ("litert_contest.torch_side", "quantize", ["ai_edge_quantizer"]),
    "lay/litert-torch": ("litert_contest.nets", "lay", []),
    "convert/onnx2tf": ("litert_contest.onnx2tf_side", "convert", ["onnx2tf"]),
    "make/mcompile": ("litert_contest.ours", "make", []),
    "refer/litert": ("quantization_contest.score", "refer", ["onnxruntime"]),
    "lay/litert": ("quantization_contest.laying", "lay", []),
    "score/litert": ("litert_contest.running", "score", []),
    "pace/litert": ("litert_contest.pace", "pace", []),
    "count/litert": ("litert_contest.counting", "count", []),
}  # fmt: skip
"""Where a work is, and what is imported once for all its jobs."""


def words(script: Path, torch: str, onnx2tf: str) -> dict[str, list[str]]:
    """How the script is started for each tool; one that is not there is left out."""
    here = [sys.executable, str(script)]
    found = {OURS: here, "litert": here}
    found |= {TORCH: [torch, str(script)]} if torch else {}
    return found | ({ONNX2TF: [onnx2tf, str(script)]} if onnx2tf else {})


def work(name: str) -> None:
    """Answer jobs of that kind until there are no more."""
    kind, _, where = name.partition("/")
    if kind == "versions":
        serve(lambda _: _versions(_PACKAGES.get(where, [])), _LIMIT)
        return
    module, function, before = _WORKS[name]
    for package in before:
        import_module(package)
    found: Callable[..., Any] = getattr(import_module(module), function)
    done: Work = found
    serve(done, _LIMIT)


def _versions(packages: list[str]) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found | {"Python": sys.version.split()[0]}


def sources() -> str:
    """A digest of our own sources, which stands for their version."""
    seen = hashlib.sha256()
    for name in ("mcompile", "mcompile.backends", "mcompile.targets"):
        found = find_spec(name)
        for place in (found.submodule_search_locations or []) if found else []:
            for path in sorted(Path(place).rglob("*")):
                if path.suffix in {".py", ".toml"}:
                    seen.update(path.name.encode() + path.read_bytes())
    return seen.hexdigest()[:10]
