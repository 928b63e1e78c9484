"""A kit as the compiler writes it, and its script run as a process on a played device."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import parser

from mcompile.backends.tensorrt.script import script
from mcompile.files import sha256

FAKES = Path(__file__).parent / "fakes"
# A release of each recorded API, as its package spells it, and the range that a kit may ask for.
RELEASES = (
    "8.0.1.6", "8.2.1.8", "8.4.1.5", "8.5.2.2", "8.6.1.6", "10.0.0.6", "10.16.0.72", "11.1.0.15",
)  # fmt: skip
REAL = """
    <ir_version: 8, opset_import: ["" : 13]>
    net (float[N,3,8,8] x) => (float[N,4] y) <float[4,3,3,3] w, float[4] b, float[4,4] v> {
        c = Conv (x, w, b)
        r = Relu (c)
        p = GlobalAveragePool (r)
        f = Flatten (p)
        y = MatMul (f, v)
    }
"""
PAIRS = """
    <ir_version: 8, opset_import: ["" : 13]>
    net (float[N,3,8,8] x) => (float[N,4] y) <float[4,3,3,3] w, float[4] b, float[4,4] v> {
        qx = QuantizeLinear (x, s, z)
        dx = DequantizeLinear (qx, s, z)
        qw = QuantizeLinear <axis: int = 0> (w, u, o)
        dw = DequantizeLinear <axis: int = 0> (qw, u, o)
        c = Conv (dx, dw, b)
        r = Relu (c)
        p = GlobalAveragePool (r)
        f = Flatten (p)
        y = MatMul (f, v)
    }
"""


@dataclass(frozen=True)
class Desk:
    """A kit's folder, and a place for what is no part of it."""

    kit: Path
    aside: Path

    def facts(self, **changed):
        """`kit.json`, changed."""
        path = self.kit / "kit.json"
        facts = {**json.loads(path.read_text()), **changed}
        path.write_text(json.dumps(facts))
        return facts

    def run(self, *words, binding="pycuda_here", more=(), python=sys.executable, **device):
        """The process that ran the script, with a device of these traits and this CUDA binding."""
        told = self.aside / "device.json"
        told.write_text(json.dumps(device))
        paths = ["played", *((binding,) if binding else ()), *more]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(str(FAKES / p) for p in (*paths, "absent")),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PLAYED_DEVICE": str(told),
        }
        command = [python, str(self.kit / "build_engine.py")]
        return subprocess.run(
            [*command, "--root", str(self.aside / "root"), "--power-seconds", "0", *words],
            env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def told(self):
        """What the played builder was told."""
        return json.loads((self.kit / "model.engine").read_bytes()[28:])

    def note(self):
        """How the engine was built."""
        return json.loads((self.kit / "model.engine.json").read_text())

    def measured(self):
        """What `measured.json` says."""
        return json.loads((self.kit / "measured.json").read_text())


def arrays(seed=7):
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(4, 3, 3, 3)).astype(np.float32)
    return {
        "w": w,
        "b": rng.normal(size=4).astype(np.float32),
        "v": rng.normal(size=(4, 4)).astype(np.float32),
        "s": np.float32(4 / 127),
        "z": np.int8(0),
        "u": (np.abs(w).max(axis=(1, 2, 3)) / 127).astype(np.float32),
        "o": np.zeros(4, np.int8),
    }


def model(text, *, batch="1"):
    """The graph in `text` with its weights as initializers; `batch` may be a letter."""
    made = parser.parse_model(text.replace("[N,", f"[{batch},"))
    read = {name for node in made.graph.node for name in node.input}
    held = [
        onnx.numpy_helper.from_array(np.asarray(a), n) for n, a in arrays().items() if n in read
    ]
    del made.graph.initializer[:]
    made.graph.initializer.extend(held)
    for number, node in enumerate(made.graph.node):
        node.name = f"{node.op_type.lower()}_{number}"
    onnx.checker.check_model(made)
    return made


def golden(path, cases=2):
    """Inputs, and the float model's outputs."""
    rng = np.random.default_rng(3)
    session = onnxruntime.InferenceSession(model(REAL).SerializeToString())
    held = {}
    for number in range(cases):
        x = np.clip(rng.normal(size=(1, 3, 8, 8)), -4, 4).astype(np.float32)
        held[f"in.{number}.x"] = x
        held[f"out.{number}.y"] = session.run(["y"], {"x": x})[0]
    np.savez(path, **held)


def lay(tmp_path, precision="int8", *, batch="1", **changed):
    """A kit under `tmp_path`; `changed` are fields of `kit.json`."""
    desk = Desk(tmp_path / "engine-kit", tmp_path / "aside")
    for folder in (desk.kit, desk.aside / "root" / "proc" / "self"):
        folder.mkdir(parents=True)
    for name, text in {"meminfo": "MemTotal: 7812500 kB\nMemAvailable: 5859375 kB\n"}.items():
        (desk.aside / "root" / "proc" / name).write_text(text)
    integers = precision == "int8"
    files = ["model.onnx"]
    onnx.save(model(PAIRS if integers else REAL, batch=batch), desk.kit / "model.onnx")
    if integers:
        onnx.save(model(REAL, batch=batch), desk.kit / "model-float.onnx")
        # 4/127 and 1.0 in the bytes of a big-endian float32.
        (desk.kit / "calibration.txt").write_text("x: 3d010204\nr: 3f800000\n")
        files += ["model-float.onnx", "calibration.txt"]
    golden(desk.kit / "golden.npz")
    (desk.kit / "build_engine.py").write_bytes(script())
    sums = {name: sha256(desk.kit / name) for name in files}
    facts = {
        "schema": 1, "name": "net", "target": "jetson-orin-nano", "precision": precision,
        "requested": precision, "model": "model.onnx", "sha256": sums["model.onnx"], "files": sums,
        "float_model": "model-float.onnx" if integers else None,
        "calibration": "calibration.txt" if integers else None,
        "compute_capability": "8.7", "tensorrt": ">=8.0,<12", "opset": 13, "memory_mb": 8192,
        "disk_mb": 1.0, "workspace_mb": 256.0, "memory_needed_mb": 1000.0,
        "inputs": [{"name": "x", "dtype": "float32", "shape": [1, 3, 8, 8]}],
        "outputs": [{"name": "y", "dtype": "float32", "shape": [1, 4]}],
        "profiles": {}, "integer_layers": int(integers), "half_layers": 0,
        "golden": "golden.npz", "tolerance": 0.1 if integers else 1e-5,
        "runs": 20, "warmup": 2, "dla_cores": 0,
    }  # fmt: skip
    (desk.kit / "kit.json").write_text(json.dumps({**facts, **changed}))
    return desk
