"""The placement benchmark: it reads pairs in every form, and knows a difference from a fault."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import numpy_helper

ROOT = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(ROOT))

from tensorrt_contest import placement, vendor  # noqa: E402
from tensorrt_contest.given import Given  # noqa: E402
from tensorrt_contest.layout import Pair, pairs  # noqa: E402
from tensorrt_contest.noise import decibel, noise  # noqa: E402
from tensorrt_contest.ours import AsWritten, plain  # noqa: E402
from tensorrt_contest.reasons import Difference, Wiring, reason  # noqa: E402

from mcompile import graph  # noqa: E402
from mcompile.schemes.tensorrt import TENSORRT_8, TENSORRT_10  # noqa: E402

ONE = Pair(np.ones(1, np.float32), None)
TWO = Pair(np.full(1, 2, np.float32), None)
WEIGHTS = ("w", "v", "m", "n")


def wiring(body: str) -> Wiring:
    text = f'<ir_version: 9, opset_import: ["": 17]> g (float[1,16,8,8] x) => (y) {{ {body} }}'
    model = onnx.parser.parse_model(text)
    shapes = {"w": (16, 16, 1, 1), "v": (16, 16, 1, 1), "m": (16, 16), "n": (8, 16)}
    for name in WEIGHTS:
        model.graph.initializer.append(numpy_helper.from_array(np.ones(shapes[name], "f"), name))
    return Wiring(model)


def told(body: str, slot: tuple[str, int], *, ours=(), theirs=()) -> str:
    """The reason for the difference at `slot`, which one of both sides names too."""
    sides = [dict(_sided(side)) for side in (ours, theirs)]
    return reason(Difference(slot, wiring(body), *sides))


def _sided(slots):
    return [s if isinstance(s[0], tuple) else (s, ONE) for s in slots]


CONVS = "d = Conv(x, w)  c = Conv(x, v)  y = Add(c, d)"
CONCAT = "a = Relu(x)  j = Concat <axis = 1> (a, x)  y = Conv(j, w)"
NORM = "n0 = Relu(x)  y = BatchNormalization(n0, m, m, m, m)"


@pytest.mark.parametrize(
    ("body", "slot", "ours", "theirs", "expected"),
    [
        (CONVS, ("y", 1), [("y", 1)], [("y", 0)], "two convolutions"),
        (CONVS, ("y", 0), [("y", 1)], [("y", 0)], "two convolutions"),
        (CONVS, ("y", 1), [("y", 1)], [], ""),
        (CONCAT, ("j", 0), [("j", 0), ("y", 0)], [("y", 0)], "joined"),
        (CONCAT, ("j", 0), [("j", 0), (("y", 0), TWO)], [("y", 0)], ""),
        (CONCAT, ("j", 0), [("j", 0), ("y", 0)], [], ""),
        ("p = GlobalAveragePool(x)  y = Flatten(p)", ("p", 0), [("p", 0)], [], "lone pool"),
        ("p = GlobalAveragePool(x)  y = Conv(p, w)", ("p", 0), [("p", 0)], [("y", 0)], ""),
        ("y = MatMul(x, n)", ("y", 0), [("y", 0)], [], "small product"),
        ("y = MatMul(x, m)", ("y", 0), [("y", 0)], [], ""),
        ("y = MatMul(x, x)", ("y", 0), [], [("y", 0)], "attention"),
        ("y = MatMul(x, m)", ("y", 0), [], [("y", 0)], ""),
        ("a = Relu(x)  y = Add(a, x)", ("y", 0), [], [("y", 0)], "sum"),
        ("c = Conv(x, w)  y = Add(c, x)", ("y", 1), [("c", 1)], [("y", 1)], ""),
        ("a = Relu(x)  y = Mul(a, x)", ("y", 0), [], [("y", 0)], "gate"),
        ("y = Mul(x, m)", ("y", 0), [], [("y", 0)], ""),
        (NORM, ("y", 0), [], [("y", 0)], "norm"),
        ("a = Relu(x)  y = HardSwish(a)", ("y", 0), [], [("y", 0)], "activation"),
        ("y = Resize(x, , m)", ("y", 0), [], [("y", 0)], "resize"),
        ("a = Relu(x)  c = Conv(x, w)  y = Tanh(a)", ("a", 0), [], [("a", 0), ("c", 0)],
         "shared pair"),
        ("a = Relu(x)  y = Tanh(a)", ("a", 0), [], [("a", 0)], ""),
    ],
)  # fmt: skip
def test_each_difference_has_the_reason_that_the_graph_shows(body, slot, ours, theirs, expected):
    assert told(body, slot, ours=ours, theirs=theirs) == expected


def given(folder: Path) -> Given:
    text = """<ir_version: 9, opset_import: ["": 17]>
    g (float[1,16,4,4] x) => (float[1,16,4,4] y) { c = Conv(x, w)  y = Add(c, x) }"""
    rng = np.random.default_rng(0)
    program = graph.parse(text, {"w": rng.standard_normal((16, 16, 1, 1)).astype(np.float32)})
    graph.infer_shapes(program)
    onnx.save(ir.to_proto(program.graph), folder / "float.onnx")
    feeds = [{"x": rng.standard_normal((1, 16, 4, 4)).astype(np.float32)} for _ in range(4)]
    return Given("net", folder, program, feeds, feeds)


def test_pairs_of_both_schemes_and_of_half_scales_read_alike(tmp_path):
    made = plain(given(tmp_path), {"8": TENSORRT_8, "10": TENSORRT_10})
    models = {n: ir.to_proto(p.graph) for n, p in made.items()}
    found = {n: pairs(m) for n, m in models.items()}
    assert {s: str(p) for s, p in found["8"].items()} == {
        ("c", 0): "tensor", ("c", 1): "axis 0", ("y", 1): "tensor",
    }  # fmt: skip
    assert all(found["8"][s].equals(found["10"][s]) for s in found["8"])
    scales = {n.input[1] for n in models["10"].graph.node if n.op_type == "DequantizeLinear"}
    for tensor in models["10"].graph.initializer:
        if tensor.name in scales:
            half = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(half, tensor.name))
    halves = pairs(models["10"])
    assert halves.keys() == found["10"].keys()
    assert not any(halves[s].equals(found["10"][s]) for s in halves)  # they are rounded


def test_a_pair_elsewhere_or_of_another_scale_is_a_fault():
    net = wiring("y = MatMul(x, m)")
    lines, wrong = placement._compared(net, {("y", 0): ONE}, {("y", 0): TWO}, rows=False)
    assert "scales differ" in wrong[0]
    assert len(lines) == 1
    assert placement._compared(net, {("y", 0): ONE}, {}, rows=False)[1]
    assert placement._compared(net, {("y", 0): ONE}, {("y", 0): ONE}, rows=False) == ([], [])


def test_noise_is_a_share_of_the_signal():
    wanted = [{"y": np.array([3.0, 4.0])}, {"y": np.array([0.0, 5.0])}]
    found = [{"y": np.array([3.0, 4.0])}, {"y": np.array([0.0, 4.5])}]
    assert noise(found, wanted, ["y"]) == pytest.approx(0.005)
    assert decibel(0.005) == pytest.approx(23.01, abs=0.01)
    assert decibel(0.0) == 200.0


def test_pairs_are_run_as_they_are_written(tmp_path):
    net = given(tmp_path)
    program = plain(net, {"10": TENSORRT_10})["10"]
    run = AsWritten(ir.to_proto(program.graph).SerializeToString())
    exact = AsWritten(tmp_path / "float.onnx")
    share = noise([run(net.evaluation[0])], [exact(net.evaluation[0])], ["y"])
    assert 30 < decibel(share) < 60


def test_what_a_vendors_tool_complains_of_is_told():
    with pytest.raises(RuntimeError, match="out of patience"):
        vendor._run(sys.executable, "-c", "import sys; sys.exit('out of patience')")
