"""Errors of the runtime in its users' words."""

import pytest

from mcompile.graph import parse

pytest.importorskip("openvino")

from mcompile.backends.openvino.reasons import node_in, reason

PROGRAM = parse('<ir_version: 9, opset_import: ["": 17]> n (float[1] x) => (float[1] y)'
                " { [it] y = Sin(x) }")  # fmt: skip
SOURCES = "Exception from src/core.cpp:12:\nsrc/plugin.cpp:3:\n"


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (f"{SOURCES}-- it has no such op\n\n", "it has no such op"),
        (SOURCES, "src/plugin.cpp:3:"),
        ("", "no message"),
        ("a" * 999, "a" * 300),
    ],
)
def test_a_reason_is_a_line_that_says_something(message, told):
    assert reason(RuntimeError(message)) == told


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ("<Node(Sin): that one>\nno luck", "node that one (Sin): no luck"),
        ("no luck with Sin-7", "node it (Sin): no luck with Sin-7"),
        ("no luck", "no luck"),
    ],
)
def test_a_node_is_named_where_the_runtime_names_it(message, place):
    assert node_in(RuntimeError(message), PROGRAM) == place
