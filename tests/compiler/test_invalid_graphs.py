"""Every kind of broken ONNX is refused in three lines that name the place, whoever is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, numpy_helper
from onnx import helper as proto

from mcompile import cli

Edit = Callable[[onnx.ModelProto], object]
COMMANDS = {
    "inspect": ("inspect", "net.onnx", "--target", "cpu-server"),
    "optimize": ("optimize", "net.onnx", "-o", "new.onnx"),
    "build": ("net.onnx", "--target", "cpu-server", "-o", "out"),
}


def model() -> onnx.ModelProto:
    made = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[2,3] x) => (float[2,3] y)'
        " { a = Relu(x) b = Add(a, w) c = Neg(b) y = Abs(c) }"
    )
    made.graph.initializer.append(numpy_helper.from_array(np.ones(3, np.float32), "w"))
    for number, node in enumerate(made.graph.node):
        node.name = f"n{number}"
    return made


def branching(body: str) -> Edit:
    def edit(made: onnx.ModelProto) -> None:
        made.CopyFrom(
            onnx.parser.parse_model(
                '<ir_version: 8, opset_import: ["": 17]>'
                " g (bool c, float[2] x) => (float[2] y) { y = If (c) <"
                f"then_branch = t () => (float[2] p) {{ {body} }},"
                "else_branch = e () => (float[2] q) { q = Neg(x) }> }"
            )
        )

    return edit


def weight(data: np.ndarray) -> Edit:
    return lambda m: m.graph.initializer[0].CopyFrom(numpy_helper.from_array(data, "w"))


def setting(path: str, value: object) -> Edit:
    """Sets `node[1].op_type` and the like."""

    def edit(made: onnx.ModelProto) -> None:
        owner, _, name = path.rpartition(".")
        target = eval(f"made.{owner}" if owner else "made", {"made": made})
        if name.endswith("]"):
            field, _, index = name[:-1].partition("[")
            getattr(target, field)[int(index)] = value
        else:
            setattr(target, name, value)

    return edit


FLOAT = "graph.input[0].type.tensor_type"
# What is broken, a word of the refusal, and the place that is named.
BROKEN: dict[str, tuple[Edit, str, str]] = {
    "a cycle": (setting("graph.node[1].input[1]", "c"), "cycle: n1 reads n2", "node n1 (Add)"),
    "a node that reads itself": (setting("graph.node[1].input[1]", "b"), "cycle", "node n1 (Add)"),
    "an undefined name": (setting("graph.node[2].input[0]", "no"), "reads no,", "node n2 (Neg)"),
    "a name made twice": (setting("graph.node[2].output[0]", "a"), "made twice", "node n2 (Neg)"),
    "a name that an input bears": (
        setting("graph.node[2].output[0]", "x"), "first by an input", "node n2 (Neg)"),
    "a name that a weight bears": (
        setting("graph.node[2].output[0]", "w"), "first by an initializer", "node n2 (Neg)"),
    "a weight twice": (
        lambda m: m.graph.initializer.append(m.graph.initializer[0]), "made twice", "tensor w"),
    "an input twice": (lambda m: m.graph.input.append(m.graph.input[0]), "made twice", "graph g"),
    "inputs of two types": (weight(np.ones(3, np.int64)), "inconsistent type", "node n1 (Add)"),
    "an input of a wrong type": (
        setting(f"{FLOAT}.elem_type", TensorProto.STRING), "unsupported type", "node n0 (Relu)"),
    "an output declared wrong": (
        setting("graph.output[0].type.tensor_type.elem_type", TensorProto.INT64),
        "it makes FLOAT, and INT64 is declared", "node n3 (Abs)"),
    "an inner value declared wrong": (
        lambda m: m.graph.value_info.append(proto.make_tensor_value_info("b", 6, [2, 3])),
        "INT32 is declared", "node n1 (Add)"),
    "no opset": (lambda m: m.ClearField("opset_import"), "which opset", "node n0 (Relu)"),
    "opset zero": (setting("opset_import[0].version", 0), "opset 0", "node n0 (Relu)"),
    "an opset of the future": (setting("opset_import[0].version", 99), "opset 99", "net.onnx"),
    "an IR version of the future": (setting("ir_version", 39), "IR version 39", "net.onnx"),
    "an IR version that is none": (setting("ir_version", 99), "not a model", "net.onnx"),
    "an unknown op": (
        setting("graph.node[1].op_type", "Addd"), "Addd is not an operator", "node n1 (Addd)"),
    "no op": (setting("graph.node[1].op_type", ""), "is not an operator", "node n1"),
    "an unknown domain without an opset": (
        setting("graph.node[1].domain", "my.lib"), "opset none", "node n1 (my.lib.Add)"),
    "a runtime's domain without an opset": (
        setting("graph.node[0].domain", "com.microsoft"), "which opset of com.mi", "node n0 (com."),
    "an unknown attribute": (
        lambda m: m.graph.node[0].attribute.append(proto.make_attribute("alpha", 1.0)),
        "Unrecognized attribute", "node n0 (Relu)"),
    "an attribute that is missing": (
        setting("graph.node[0].op_type", "Cast"), "'to' is missing", "node n0 (Cast)"),
    "too many inputs": (
        lambda m: m.graph.node[0].input.append("w"), "input size 2", "node n0 (Relu)"),
    "too few inputs": (lambda m: m.graph.node[1].input.pop(), "input size 1", "node n1 (Add)"),
    "too many outputs": (
        lambda m: m.graph.node[0].output.append("q"), "output size 2", "node n0 (Relu)"),
    "an output that nothing makes": (
        setting("graph.output[0].name", "z"), "nothing makes the output z", "graph g"),
    "too few data": (setting("graph.initializer[0].raw_data", b"1234567"), "7 bytes", "tensor w"),
    "too many data": (setting("graph.initializer[0].raw_data", b"1" * 13), "13 bytes", "tensor w"),
    "no data": (
        lambda m: m.graph.initializer[0].ClearField("raw_data"), "0 values", "tensor w"),
    "an element type that is none": (
        setting("graph.initializer[0].data_type", 99), "99 is not an element", "tensor w"),
    "a negative size": (setting("graph.initializer[0].dims[0]", -3), "[-3] is not", "tensor w"),
    "NaN": (weight(np.full(3, np.nan, np.float32)), "NaN", "tensor w"),
    "no nodes": (lambda m: m.graph.ClearField("node"), "nothing makes the output y", "graph g"),
    "no graph": (lambda m: m.ClearField("graph"), "it has no graph", "net.onnx"),
    "no outputs": (lambda m: m.graph.ClearField("output"), "no outputs", "net.onnx"),
    "a weight without a name": (
        setting("graph.initializer[0].name", ""), "has no name", "without a name"),
    "an input without a name": (setting("graph.input[0].name", ""), "an input has no", "graph g"),
    "an output without a name": (
        setting("graph.output[0].name", ""), "output without a name", "graph g"),
    "an input that is left out": (
        setting("graph.node[0].input[0]", ""), "empty string", "node n0 (Relu)"),
    "an input without a type": (
        lambda m: m.graph.input[0].ClearField("type"), "input x has no type", "net.onnx"),
    "an input of unknown rank": (
        lambda m: m.graph.input[0].type.tensor_type.ClearField("shape"), "no rank", "net.onnx"),
    "a branch that reads what nothing makes": (branching("p = Neg(no)"), "reads no,", "(Neg)"),
    "a branch that makes an outer name": (branching("x = Neg(x) p = Abs(x)"), "twice", "(Neg)"),
    "a branch with a cycle": (branching("k = Add(x, p) p = Neg(k)"), "cycle", "(Add)"),
    "a branch without its output": (branching("k = Neg(x)"), "output p", "graph t"),
    "a branch with a wrong type": (branching("p = Not(x)"), "unsupported type", "node p (Not)"),
}  # fmt: skip


def refusal(words: tuple[str, ...], capfd) -> str:
    assert cli.run([*words]) == 3
    out, err = capfd.readouterr()
    assert out == ""
    lines = err.rstrip("\n").split("\n")
    assert len(lines) == 3, err
    for line, lead in zip(lines, ("error: ", "  in   ", "  try  "), strict=True):
        assert line.startswith(lead), err
        assert line[len(lead) :].strip(), err
    return err


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_graph_is_refused_with_its_place(tmp_path, monkeypatch, capfd, kind, command):
    edit, words, place = BROKEN[kind]
    made = model()
    edit(made)
    (tmp_path / "net.onnx").write_bytes(made.SerializeToString())
    monkeypatch.chdir(tmp_path)
    told = refusal(COMMANDS[command], capfd)
    assert words in told.split("\n")[0]
    assert place in told.split("\n")[1]
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5])


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("damage", "words"),
    [(Path.unlink, "a file with external data is missing"), (cut, "truncated or damaged")],
)
def test_weights_that_are_not_whole_are_refused(
    tmp_path, monkeypatch, capfd, damage, words, command
):
    monkeypatch.chdir(tmp_path)
    onnx.save(model(), "net.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    damage(tmp_path / "w.bin")
    told = refusal(COMMANDS[command], capfd)
    assert words in told
    assert "tensor w" in told


def reversed_nodes(made: onnx.ModelProto) -> None:
    nodes = list(made.graph.node)
    made.graph.ClearField("node")
    made.graph.node.extend(reversed(nodes))


def names(name: str) -> Edit:
    return lambda m: [setattr(n, "name", name) for n in m.graph.node]


ODD: dict[str, Edit] = {
    "nodes out of order": reversed_nodes,
    "nodes of one name": names("same"),
    "nodes without a name": names(""),
    "a graph without a name": setting("graph.name", ""),
    "a shape declared wrong": setting("graph.output[0].type.tensor_type.shape.dim[0].dim_value", 7),
    "an opset spelled ai.onnx": setting("opset_import[0].domain", "ai.onnx"),
    "a weight that is an input": lambda m: m.graph.input.append(
        proto.make_tensor_value_info("w", 1, [3])
    ),
    "an unread weight that is not finite": lambda m: m.graph.initializer.append(
        numpy_helper.from_array(np.full(1, np.inf, np.float32), "unread")
    ),
}


@pytest.mark.parametrize("kind", ODD)
def test_what_is_odd_and_means_something_is_not_refused(tmp_path, monkeypatch, kind):
    made = model()
    ODD[kind](made)
    (tmp_path / "net.onnx").write_bytes(made.SerializeToString())
    monkeypatch.chdir(tmp_path)
    assert cli.run([*COMMANDS["optimize"], "-q"]) == 0
    data = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)
    session = onnxruntime.InferenceSession("new.onnx", providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(
        session.run(None, {"x": data})[0], np.abs(np.maximum(data, 0) + 1)
    )
