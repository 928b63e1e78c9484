import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from mcompile import graph
from mcompile.errors import SourceError
from mcompile.frontend import weights

MATMUL = """<ir_version: 8, opset_import: ["": 17]>
g (float[1, 3] x) => (float[1, 3] y) { m = MatMul(x, w) y = Add(m, b) }"""


def program(w=1.0, b=1.0, dtype=np.float32):
    held = {"w": np.ones((3, 3), dtype), "b": np.ones(3, dtype)}
    held["w"][2, 1], held["b"][1] = w, b
    return graph.parse(MATMUL, held)


def test_finite_weights_pass():
    weights.check_finite(program())


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_nan_is_named(dtype):
    with pytest.raises(SourceError, match="a weight holds NaN") as caught:
        weights.check_finite(program(w=np.nan, dtype=dtype))
    assert "tensor w of a MatMul" in caught.value.where
    with pytest.raises(SourceError, match="NaN"):
        weights.check_finite(program(b=np.nan, dtype=dtype))


def test_infinity_is_an_error_in_a_layer_and_none_in_a_mask():
    with pytest.raises(SourceError, match="a weight holds infinity"):
        weights.check_finite(program(w=-np.inf))
    weights.check_finite(program(b=-np.inf))


@pytest.mark.parametrize("place", [0, 6, 8])
def test_a_tensor_on_disk_is_read_in_pieces(tmp_path, monkeypatch, place):
    monkeypatch.setattr(weights, "_CHUNK", 4)
    data = np.ones((3, 3), np.float32)
    data.flat[place] = np.nan
    model = onnx.parser.parse_model(MATMUL)
    model.graph.initializer.append(numpy_helper.from_array(np.ones(3, np.float32), "b"))
    model.graph.initializer.append(numpy_helper.from_array(data, "w"))
    onnx.save(
        model, tmp_path / "m.onnx", save_as_external_data=True, location="w", size_threshold=16
    )
    loaded = graph.load(tmp_path / "m.onnx", "m")
    with pytest.raises(SourceError, match="NaN"):
        weights.check_finite(loaded)
    assert loaded.graph.graph.initializers["w"].const_value.raw is None, "it was mapped"
