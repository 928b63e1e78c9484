from __future__ import annotations

from mcompile.estimate.work import NodeWork, Work

KNOWN = NodeWork("a", "Conv", 10, 20, 4, 8, 16)
OPEN = NodeWork("b", "Det", None, None, 1, None, None)


def test_totals_are_sums_of_what_is_known():
    work = Work((KNOWN, OPEN, KNOWN), 3, 12)
    assert (work.macs, work.flops, work.moved_bytes) == (20, 40, 28 + 1 + 28)
    assert work.unknown == ("b",)


def test_a_node_is_known_where_everything_of_it_is():
    assert KNOWN.known
    assert not OPEN.known
    assert not NodeWork("c", "Relu", 0, 5, 0, None, 5).known


def test_work_without_nodes_is_nothing():
    assert [m.value for m in Work((), 0, 0).figures()] == [0, 0, 0, 0, 0]
