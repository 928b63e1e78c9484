import numpy as np
import pytest
import torch

from mcompile.errors import SourceError
from mcompile.frontend.examples import arrange, ports, tensors
from mcompile.frontend.options import CaptureOptions
from mcompile.types import Port


def test_inputs_come_from_the_user_else_from_a_sample_else_not_at_all():
    given = Port("x", "float32", (1, 3))
    sample = {"ids": np.zeros((1, 4), np.int64)}
    assert ports(CaptureOptions(inputs=(given,), examples=sample), "net") == (given,)
    assert ports(CaptureOptions(examples=sample), "net") == (Port("ids", "int64", (1, 4)),)
    with pytest.raises(SourceError, match="the shape of the input is not known") as caught:
        ports(CaptureOptions(), "net")
    assert "--input" in caught.value.fix


def test_tensors_are_seeded_and_of_the_asked_type():
    inputs = [Port("x", "float16", (2, 3)), Port("i", "int64", (4,)), Port("m", "bool", (1,))]
    first, again = tensors(inputs, None), tensors(inputs, None)
    assert [str(t.dtype) for t in first] == ["torch.float16", "torch.int64", "torch.bool"]
    assert torch.equal(first[0], again[0])
    assert not first[1].any()


def test_a_free_dimension_has_one_size_wherever_its_name_stands():
    inputs = [Port("a", "float32", ("N", "L", 8)), Port("b", "float32", ("N", "M", "L"))]
    a, b = tensors(inputs, None)
    assert a.shape[0] == b.shape[0] == 2
    assert a.shape[1] == b.shape[2]
    assert a.shape[1] != b.shape[1]


def test_a_sample_stands_in_where_it_fits():
    sample = {"x": np.full((2, 3), 7, np.float32)}
    assert tensors([Port("x", "float32", ("N", 3))], sample)[0].eq(7).all()
    assert not tensors([Port("x", "float32", (1, 3))], sample)[0].eq(7).all()
    # A batch of one would make an exporter take the free dimension for fixed.
    single = {"x": np.full((1, 3), 7, np.float32)}
    assert tensors([Port("x", "float32", ("N", 3))], single)[0].shape == (2, 3)


def test_inputs_go_by_name_where_forward_has_the_names(nets):
    inputs = [Port("right", "float32", ("N",)), Port("left", "float32", ("N",))]
    values = tensors(inputs, None)
    args, kwargs, free = arrange(nets.Pair(), inputs, values)
    assert args == ()
    assert kwargs["right"] is values[0]
    assert free == {"right": {0: "N"}, "left": {0: "N"}}


def test_inputs_go_by_order_where_it_has_not(nets):
    inputs = [Port("", "float32", (2,)), Port("other", "float32", (2,))]
    values = tensors(inputs, None)
    assert arrange(nets.Pair(), inputs, values) == (tuple(values), {}, None)
