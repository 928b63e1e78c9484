"""What is printed of a rule log."""

from __future__ import annotations

from mcompile.record import Applied, Log, Skipped, Undone
from mcompile.telling import described, told

from .test_inspection import Options, inspect, net  # noqa: F401  the fixture

LOG = Log(
    (Applied("fold_pad", "a"), Applied("fold_pad", "b")),
    (Skipped("fuse_gelu", "c", "c is an output"),),
    (Undone("fold_affine", "d", "y is off", "m.reproduce/fold_affine-d"),),
)


def test_rewrites_are_counted_and_what_was_undone_is_told():
    assert told(LOG, False) == [
        "undone   fold_affine  at d: y is off",
        "         shown by m.reproduce/fold_affine-d (mcompile explain reproducer)",
        "fold_pad: 2",
    ]


def test_each_rewrite_is_told_where_asked():
    lines = told(LOG, True)
    assert lines[:3] == [
        "applied  fold_pad  at a",
        "applied  fold_pad  at b",
        "skipped  fuse_gelu  at c: c is an output",
    ]


def test_numbers_that_were_not_compared_are_said():
    assert told(Log(unproven="it draws random numbers"), False) == [
        "the numbers could not be compared: it draws random numbers"
    ]


def test_a_model_is_described_in_lines(net):  # noqa: F811
    lines = described(inspect(net, Options()))
    assert lines[0] == "net: 9 nodes, opset 17"
    assert any(line.startswith("  in   x  float32[1, 3") for line in lines)
