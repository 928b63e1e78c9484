"""What each release's parser reads, as its own tables say."""

import onnx.defs
import pytest
from packaging.version import Version

from mcompile.backends.tensorrt.operators import _FIRST, newest_opset, since, since_opset


@pytest.mark.parametrize(
    ("op", "release"),
    [
        ("Conv", "8.0"),
        ("ScatterND", "8.2"),
        ("HardSwish", "8.4"),
        ("Trilu", "8.5"),
        ("LayerNormalization", "8.6"),
        ("Gelu", "10.0"),
        ("Attention", "10.14"),
    ],
)
def test_the_first_release_of_an_op(op, release):
    assert since(op) == Version(release)


@pytest.mark.parametrize("op", ["BitShift", "Unique", "QLinearConv", "Frobnicate", "StringSplit"])
def test_an_op_that_none_reads(op):
    assert since(op) is None


@pytest.mark.parametrize(
    ("release", "opset"),
    [("8.0", 13), ("8.2.1", 13), ("8.5.2", 17), ("10.3", 20), ("10.9", 22), ("11.5", 25)],
)
def test_the_newest_operator_set_of_a_release(release, opset):
    assert newest_opset(Version(release)) == opset


def test_the_first_release_of_an_operator_set():
    assert [str(since_opset(n)) for n in (13, 14, 17, 18, 21)] == [
        "8.0",
        "8.4",
        "8.4",
        "9.0",
        "10.9",
    ]
    assert since_opset(26) is None


def test_every_op_is_the_standard_s_or_was_once_a_draft_of_it():
    drafts = {"ImageScaler", "ParametricSoftplus", "ScaledTanh"}
    known = {s.name for s in onnx.defs.get_all_schemas_with_history() if not s.domain}
    late = {"RMSNormalization", "RotaryEmbedding", "Attention", "TensorScatter", "Swish"}
    assert {*_FIRST} - known - drafts <= late
    assert len(_FIRST) == 150 + 3 + 1 + 1 + 3 + 1
