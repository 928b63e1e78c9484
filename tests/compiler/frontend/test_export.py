import numpy as np
import pytest
import torch

from mcompile import graph
from mcompile.errors import SourceError
from mcompile.frontend.export import from_module
from mcompile.frontend.options import CaptureOptions
from mcompile.oracle import Oracle
from mcompile.types import Port


def options(*inputs: Port, **more) -> CaptureOptions:
    return CaptureOptions(name="net", inputs=inputs, **more)


def test_a_module_computes_the_same_and_is_given_back_as_it_was(nets, capfd):
    module = nets.Tiny().train()
    module.head.eval()
    program = from_module(module, options(Port("", "float32", ("N", 3, 8, 8))))
    assert module.training
    assert not module.head.training
    assert [p.shape for p in program.inputs] == [("N", 3, 8, 8)]
    assert program.outputs[0].shape == ("N", 2)
    assert program.inputs[0].name == "image"
    x = np.random.default_rng(0).standard_normal((5, 3, 8, 8), dtype=np.float32)
    (y,) = Oracle(program).run({"image": x}).values()
    expected = module(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""


def test_inputs_by_name_may_come_in_any_order(nets):
    module = nets.Pair()
    inputs = [Port("right", "float32", (2,)), Port("left", "float32", (2,))]
    program = from_module(module, options(*inputs))
    feeds = {"left": np.array([5, 6], np.float32), "right": np.array([1, 2], np.float32)}
    (y,) = Oracle(program).run(feeds).values()
    assert y.tolist() == [3, 2]


def test_a_sample_stands_in_for_the_inputs_and_names_them(nets):
    sample = {"pixels": np.zeros((1, 3, 6, 6), np.float32)}
    program = from_module(nets.Tiny(), CaptureOptions(name="net", examples=sample, opset=18))
    assert program.inputs == (Port("pixels", "float32", (1, 3, 6, 6)),)
    assert graph.opset(program) == 18


def test_a_dimension_that_the_code_fixes_cannot_be_free(nets):
    with pytest.raises(SourceError, match="conflicts between user-specified ranges") as caught:
        from_module(nets.Fixed(), options(Port("x", "float32", ("N", 3))))
    assert caught.value.where == "net with x=F32[N,3]"


def test_code_that_branches_on_data_is_refused_with_its_place(nets):
    with pytest.raises(SourceError, match="PyTorch cannot export this model") as caught:
        from_module(nets.Branching(), options(Port("x", "float32", (3,))))
    assert f"{nets.__name__}.py, line" in caught.value.where
    assert caught.value.fix


def test_an_input_of_the_wrong_shape_is_refused(nets):
    with pytest.raises(SourceError, match="PyTorch cannot export this model"):
        from_module(nets.Tiny(), options(Port("", "float32", (1, 4, 8, 8))))


def test_a_data_parallel_wrapper_is_taken_off(nets):
    wrapped = torch.nn.DataParallel(nets.Pair())
    inputs = [Port("left", "float32", (2,)), Port("right", "float32", (2,))]
    assert len(from_module(wrapped, options(*inputs)).inputs) == 2
