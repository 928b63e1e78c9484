"""The graph without pairs."""

import numpy as np
import onnx
import pytest

from mcompile import graph
from mcompile.backends.tensorrt.real import write_real
from mcompile.oracle import Oracle

from .written import net, one, quantized, samples, target


@pytest.mark.parametrize("versions", [">=8.5", ">=10"])
def test_nothing_is_rounded_to_integers(versions, tmp_path):
    graph.save(quantized(target(versions)), tmp_path / "model.onnx")
    write_real(tmp_path / "model.onnx", tmp_path / "real.onnx")
    onnx.checker.check_model(str(tmp_path / "real.onnx"))
    real = graph.load(tmp_path / "real.onnx", "real")
    assert [n.op_type for n in real.graph.graph] == ["Conv", "Relu", "Conv", "Sigmoid"]
    assert [v.name for v in real.graph.graph.inputs] == ["x"]
    feeds = next(iter(samples())).feeds
    got, want = (Oracle(p).run(feeds)["y"] for p in (real, net()))
    # From 10 on the file holds the weights as integers: their rounding stays, half a step at most.
    assert abs(got - want).max() <= (0 if versions == ">=8.5" else 0.02)


def test_weights_in_a_file_of_their_own_are_shared(tmp_path, monkeypatch):
    monkeypatch.setattr(graph, "EXTERNAL_ABOVE", 100)
    graph.save(quantized(target(">=8.5")), tmp_path / "model.onnx")
    write_real(tmp_path / "model.onnx", tmp_path / "real.onnx")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "model.onnx",
        "model.onnx.data",
        "real.onnx",
    ]
    stored = onnx.load(tmp_path / "real.onnx", load_external_data=False).graph.initializer
    large = {t.name: t.external_data[0].value for t in stored if t.external_data}
    assert large["w1"] == large["w2"] == "model.onnx.data"
    feeds = next(iter(samples())).feeds
    real = graph.load(tmp_path / "real.onnx", "real")
    np.testing.assert_array_equal(Oracle(real).run(feeds)["y"], Oracle(net()).run(feeds)["y"])


def test_integers_from_outside_stay(tmp_path):
    body = "d = DequantizeLinear(x, s, z) y = Relu(d)"
    signature = "(int8[1,4] x) => (float[1,4] y)"
    program = one(body, signature, s=np.float32(0.1), z=np.int8(0))
    graph.save(program, tmp_path / "model.onnx")
    write_real(tmp_path / "model.onnx", tmp_path / "real.onnx")
    real = graph.load(tmp_path / "real.onnx", "real")
    assert [n.op_type for n in real.graph.graph] == ["DequantizeLinear", "Relu"]
