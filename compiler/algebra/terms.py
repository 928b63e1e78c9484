"""Whole numbers that are only partly known: polynomials over the free sizes of a model.

A `Term` is a number, or a sum of products of atoms. Each term has one form, so that terms which
compare equal are equal numbers in every run; unequal ones may be equal too. An atom is a `Size`,
which is not negative, or anything else that can be hashed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeAlias

import onnx_ir as ir

Product: TypeAlias = "frozenset[tuple[Hashable, int]]"
"""Atoms, each with its power."""

Term: TypeAlias = "int | frozenset[tuple[Product, int]]"
"""A number, or products, each with its coefficient."""

_ONE: Product = frozenset()


@dataclass(frozen=True)
class Size:
    """The size of one dimension, by whatever tells it from others."""

    of: Hashable
    axis: Hashable


def sizes(value: ir.Value | None) -> tuple[Term, ...] | None:
    """The dimensions of a value as terms; None for an unknown rank."""
    if value is None or value.shape is None:
        return None
    made = value.producer()
    home = value.graph if made is None else made.graph
    return tuple(
        d if isinstance(d, int) else _named(home, d.value) if d.value else atom(Size(value, axis))
        for axis, d in enumerate(value.shape.dims)
    )


def _named(home: Hashable, name: str) -> Term:
    """The size of that name; exporters call a multiple of one `16*batch`."""
    times, _, stem = name.replace(" ", "").rpartition("*")
    if times.isdecimal() and stem.isidentifier():
        return multiply(int(times), atom(Size(home, stem)))
    return atom(Size(home, name))


def fits(value: ir.Value | None, into: ir.Value) -> bool:
    """Whether a value that is broadcast against `into` leaves the shape of `into` as it is."""
    small, large = sizes(value), sizes(into)
    if small is None:
        return False
    if large is None or len(small) > len(large):
        return not small
    last = large[len(large) - len(small) :]
    return all(s in (1, d) for s, d in zip(small, last, strict=True))


def atom(what: Hashable) -> Term:
    """The unknown number that `what` stands for."""
    return frozenset({(frozenset({(what, 1)}), 1)})


def _sums(term: Term) -> Counter[Product]:
    return Counter({_ONE: term} if isinstance(term, int) else dict(term))


def _term(sums: Counter[Product]) -> Term:
    left = {product: times for product, times in sums.items() if times}
    return left.get(_ONE, 0) if left.keys() <= {_ONE} else frozenset(left.items())


def add(one: Term, other: Term) -> Term:
    """The sum."""
    found = _sums(one)
    found.update(_sums(other))
    return _term(found)


def subtract(one: Term, other: Term) -> Term:
    """The difference."""
    found = _sums(one)
    found.subtract(_sums(other))
    return _term(found)


def multiply(one: Term, other: Term) -> Term:
    """The product."""
    found: Counter[Product] = Counter()
    for left, times in _sums(one).items():
        for right, more in _sums(other).items():
            powers = Counter(dict(left))
            powers.update(dict(right))
            found[frozenset(powers.items())] += times * more
    return _term(found)


def divide(one: Term, other: Term) -> Term | None:
    """The quotient, where nothing is rounded or nothing is negative; None elsewhere."""
    if not isinstance(other, int) or other <= 0:
        return None
    parts = _sums(one)
    if all(times % other == 0 for times in parts.values()):
        return _term(Counter({product: times // other for product, times in parts.items()}))
    return one // other if isinstance(one, int) and one >= 0 else None


def equal(one: Term, other: Term) -> Term | None:
    """1 or 0 where it is the same in every run, whether they are equal; None elsewhere."""
    if one == other:
        return 1
    if isinstance(one, int) and isinstance(other, int):
        return 0
    low, high = (one, other) if isinstance(one, int) else (other, one)
    return 0 if isinstance(low, int) and low < 0 and is_size(high) else None


def is_size(term: Term) -> bool:
    """Whether the term is a sum of products of sizes: it is not negative."""
    if isinstance(term, int):
        return term >= 0
    atoms = [atom for product, _ in term for atom, _ in product]
    return all(times > 0 for _, times in term) and all(isinstance(a, Size) for a in atoms)


def extreme(pick: Callable[[int, int], int]) -> Callable[[Term, Term], Term | None]:
    """The smaller or larger of two terms, where it is known which."""

    def picked(one: Term, other: Term) -> Term | None:
        if isinstance(one, int) and isinstance(other, int):
            return pick(one, other)
        return one if one == other else None

    return picked
