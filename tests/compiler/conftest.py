"""A small model with data beside it, and one finished build of it, for tests of the commands."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from mcompile import cli, graph
from mcompile.options import Options
from mcompile.oracle import Oracle
from mcompile.request import resolve

TEXT = """<ir_version: 9, opset_import: ["": 17]>
net (float[1,3,16,16] x) => (float[1,10] y) {
  a0 = Conv <pads = [1,1,1,1]> (x, w1, b1)
  a = Relu(a0)
  b = Conv <pads = [1,1,1,1]> (a, w2, b2)
  s = Add(a, b)
  c0 = Conv (s, w3, b3)
  c = Relu(c0)
  g = GlobalAveragePool(c)
  f = Flatten(g)
  y = Gemm <transB = 1> (f, w4, b4)
}"""


def program():
    """A residual net with seeded weights whose classes differ from input to input."""
    rng = np.random.default_rng(0)

    def w(*shape):
        return (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    made = graph.parse(
        TEXT,
        {
            "w1": w(8, 3, 3, 3), "b1": w(8, 1)[:, 0], "w2": w(8, 8, 3, 3), "b2": w(8, 1)[:, 0],
            "w3": w(16, 8, 1, 1), "b3": w(16, 1)[:, 0], "w4": 4 * w(10, 16), "b4": w(10, 1)[:, 0],
        },
        "net",
    )  # fmt: skip
    graph.infer_shapes(made)
    return made


def write_data(folder: Path) -> None:
    """The model and its samples as files; labels are the model's own classes."""
    made = program()
    graph.save(made, folder / "net.onnx")
    rng = np.random.default_rng(1)
    inputs = (2 * rng.standard_normal((40, 3, 16, 16))).astype(np.float32)
    inputs += rng.standard_normal((40, 3, 1, 1)).astype(np.float32)
    oracle = Oracle(made)
    labels = np.array([oracle.run({"x": x[None]})["y"].argmax() for x in inputs])
    np.savez(folder / "calibration.npz", x=inputs[:20])
    np.savez(folder / "evaluation.npz", x=inputs[20:], labels=labels[20:])


# No limit on time: what a busy machine does to a tail is not what these tests are about.
QUICK = ["--runs", "5", "--seconds", "1", "--threads", "1", "--budget", "latency_p99_ms=none"]


@dataclass(frozen=True)
class Built:
    """A finished build: where it is, what its report says, and what the command was."""

    data: Path
    folder: Path
    report: dict
    words: list[str]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with net.onnx, calibration.npz and evaluation.npz."""
    write_data(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """One INT8 build for cpu-server, shared by every test that only reads it."""
    data = tmp_path_factory.mktemp("built")
    write_data(data)
    words = [str(data / "net.onnx"), "--target", "cpu-server", "--precision", "int8",
             "--calibration", str(data / "calibration.npz"),
             "--evaluation", str(data / "evaluation.npz"), *QUICK]  # fmt: skip
    assert cli.run([*words, "-o", str(data / "out"), "-q"]) == 0
    folder = data / "out" / "net-cpu-server-int8"
    return Built(data, folder, json.loads((folder / "report.json").read_text()), words)


def asked(tmp_path, precision, **more):
    """A request to build the model at that precision, with four inputs to calibrate on."""
    graph.save(program(), tmp_path / "net.onnx")
    options = Options(target="cpu-server", precision=precision, **more)
    return resolve(tmp_path / "net.onnx", replace(options, calibration=inputs(4)))


def inputs(count):
    """Seeded inputs of the model."""
    rng = np.random.default_rng(0)
    shape = [d if isinstance(d, int) else 1 for d in program().inputs[0].shape]
    return [
        {program().inputs[0].name: rng.standard_normal(shape, np.float32)} for _ in range(count)
    ]
