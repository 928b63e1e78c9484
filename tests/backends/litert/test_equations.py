"""What the letters of an equation do."""

from __future__ import annotations

import pytest

from mcompile.backends.litert.equations import Labels, parsed


def test_letters_by_what_they_do():
    said = Labels("bqhd", "bkhd", "bhqk")
    assert (said.batch, said.rows, said.columns, said.summed) == ("bh", "q", "k", "d")
    assert (said.swapped().rows, said.swapped().columns) == ("k", "q")


@pytest.mark.parametrize(
    ("equation", "ranks", "expected"),
    [
        ("ij, jk -> ik", (2, 2), (["ij", "jk"], "ik")),
        ("ij,jk", (2, 2), (["ij", "jk"], "ik")),
        ("...ij,jk->...ik", (4, 2), (["89ij", "jk"], "89ik")),
        ("...i,...i->...", (3, 2), (["89i", "9i"], "89")),
        ("...i,...j", (2, 1), (["9i", "j"], "9ij")),
        ("ii->i", (2,), None),
        ("ij->ijk", (2,), None),
        ("ij,jk->ik", (2, 3), None),
        ("ij,jk->ik", (2,), None),
    ],
)
def test_an_equation_is_read_for_operands_of_such_ranks(equation, ranks, expected):
    assert parsed(equation, ranks) == expected
