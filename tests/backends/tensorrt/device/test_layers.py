"""Precisions of layers, as inspectors and logs of several releases describe them.

Forms are those that TensorRT writes: of 8.x in the examples of its engine explorer, of 10.x and of
logs in its users' reports.
"""

from __future__ import annotations

import json

import pytest

from mcompile.backends.tensorrt.device.layers import Layers, from_inspector, from_log

FORMATS = {
    "int8": "Thirty-two wide channel vectorized row major Int8 format",
    "fp16": "Channel major FP16 format where channel % 8 == 0",
    "fp32": "Row major linear FP32",
}


def layer(kind, before, after, *, weights="", **more):
    def ends(told):
        return [{"Name": "t", "Dimensions": [1, 8], "Format/Datatype": FORMATS.get(told, told)}]

    row = {"Name": "n", "LayerType": kind, "Inputs": ends(before), "Outputs": ends(after), **more}
    return {**row, "Weights": {"Type": weights, "Count": 4}} if weights else row


def count(*rows):
    found = from_inspector(json.dumps({"Layers": rows, "Bindings": []}))
    return {name: number for name, number in found._asdict().items() if number}


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        (layer("CaskConvolution", "int8", "fp32", weights="Int8"), "int8"),
        (layer("CaskConvolution", "int8", "fp16", weights="Half"), "fp16"),
        (layer("CaskConvolution", "fp32", "fp32", weights="Float"), "fp32"),
        (layer("CaskConvolution", "fp16", "fp16", weights="FP16"), "fp16"),
        (layer("ConvActPool", "Row major Int8 format", "int8"), "int8"),
        (layer("CudaPooling", "int8", "int8"), "int8"),
        (layer("CudaPooling", "fp16", "fp16"), "fp16"),
        (layer("PointWise", "int8", "fp16"), "fp16"),
        (layer("PointWise", "fp16", "fp32"), "fp32"),
        (layer("gemm", "Int8", "Half", TacticName="sm80_xmma_gemm_i8i8_i8i32_f32_tn"), "int8"),
        (layer("kgen", "Half", "Int8", TacticName="__myl_QuanMul_0x1"), "fp16"),
        (layer("kgen", "Half", "Half"), "fp16"),
        (layer("kgen", "Int64", "Int64"), "other"),
        (layer("kgen", "BFloat16", "BFloat16"), "other"),
        (layer("Myelin", "int8", "int8", Name="{ForeignNode[a...b]}"), "opaque"),
        (layer("DLA", "int8", "int8", Name="{ForeignNode[a...b]}"), "int8"),
        ("conv1", "opaque"),
    ],
)  # fmt: skip
def test_what_the_inspector_says(row, wanted):
    assert count(row) == {wanted: 1}


def test_what_only_moves_is_not_counted():
    moves = [layer(kind, "fp32", "int8") for kind in ("Reformat", "NoOp", "Constant")]
    again = layer("CudaPooling", "fp16", "fp16", Name="pool [profile 1]")
    assert count(*moves, again) == {}
    assert count(layer("CudaPooling", "fp16", "fp16", Name="pool [profile 0]")) == {"fp16": 1}


def test_metadata_with_control_characters():
    row = json.dumps({"Layers": [layer("CudaPooling", "fp16", "fp16", Metadata="[a]-[b]")]})
    assert from_inspector(row.replace("]-[", "]\x1e[")).fp16 == 1
    with pytest.raises(ValueError, match="Expecting"):
        from_inspector("engine information is not there")


def test_the_sum():
    assert Layers(1, 2, 3, 4, 5).total == 15


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("Layer(CaskConvolution): a + b, Tactic: 7, x[Int8(1,3,8,8)] -> y[Float(1,4,8,8)]", "int8"),
        ("Layer(CaskConvolution): a, Tactic: 0x47, x[Half(1,3,8,8)] -> y[Half(1,4,8,8)]", "fp16"),
        ("Layer(TiledPooling): p, Tactic: 1, x[Int8(-6,4,-8,19)] -> y[Int8(-6,4,-8,1)]", "int8"),
        ("Layer(PointWise): [Int8] -> x, Tactic: 1, x[Float(1,8)] -> y[Float(1,8)]", "fp32"),
        ("Layer(MatrixMultiply): m, Tactic: 0, x[Float(1,8)], w[Float(8,8)] -> y[Float(1,8)]",
         "fp32"),
        ("Layer(Conv): c, x (Half[-1,128,43,77]) -> y (Half[-1,2,43,77])", "fp16"),
        ("Layer(Shape): s, Tactic: 0, x[Int32(4)] -> y[Int32(4)]", "other"),
        ("Layer(Myelin): {ForeignNode[a...b]}, Tactic: 0, x[Half(1,8)] -> y[Half(1,8)]", "opaque"),
        ("Layer(Reformat): r, Tactic: 1002, x[Float(1,8)] -> y[Int8(1,8)]", ""),
    ],
)  # fmt: skip
def test_what_the_log_says(line, wanted):
    found = from_log([line])._asdict()
    assert {name for name, number in found.items() if number} == ({wanted} if wanted else set())
