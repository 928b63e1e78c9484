"""What runs here: processor, interpreters, versions, and a digest of our own sources."""

from __future__ import annotations

import hashlib
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from quantization_contest.shop import Shop

_QEMU = ["qemu-x86_64", "-cpu", "Haswell"]
VNNI = {"avx512_vnni", "avx_vnni"}
"""Flags of processors whose sums of products do not saturate."""
_PACKAGES = {"packages": ["onnxruntime", "nncf", "openvino"]}


def words(script: Path, vendors: str) -> dict[str, list[str]]:
    """How the script is started for each tool and runtime; NNCF and OpenVINO may live elsewhere."""
    here, there = [sys.executable, str(script)], [vendors, str(script)]
    return {"ours": here, "ort_static": here, "onnxruntime": here, "lay": here,
            "haswell": [*_QEMU, *here], "nncf_ptq": there, "openvino": there}  # fmt: skip


def versions(shop: Shop, emulated: bool) -> dict[str, str]:
    """Of each tool and runtime that there is."""
    here, there = (shop.ask(w, "versions", _PACKAGES) for w in ("onnxruntime", "openvino"))
    found = {"ours": _sources(), "onnxruntime": here["onnxruntime"],
             "ort_static": here["onnxruntime"]}  # fmt: skip
    if emulated and shutil.which(_QEMU[0]):
        found["haswell"] = here["onnxruntime"]
    if "openvino" in there:
        found["openvino"] = there["openvino"]
    if "nncf" in there:
        found["nncf_ptq"] = " ".join(f"{p} {there.get(p)}" for p in _PACKAGES["packages"])
    return found


def _sources() -> str:
    seen = hashlib.sha256()
    for name in ("mcompile", "mcompile.backends", "mcompile.targets"):
        found = find_spec(name)
        for place in (found.submodule_search_locations or []) if found else []:
            for path in sorted(Path(place).rglob("*")):
                if path.suffix in {".py", ".toml"}:
                    seen.update(path.name.encode() + path.read_bytes())
    return seen.hexdigest()[:10]


def flags() -> set[str]:
    """What this processor can do, by the names that Linux has for it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return {*next((x.split(":")[1] for x in lines if x.startswith("flags")), "").split()}
