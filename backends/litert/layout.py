"""How a value of the program lies in memory, and what a reshape leaves of that.

An order is a permutation: axis k in memory is axis order[k] of the program. NCHW values that
convolutions made lie in order (0, 2, 3, 1).
"""

from __future__ import annotations

from collections.abc import Sequence

Order = tuple[int, ...]


def straight(rank: int) -> Order:
    """The order in which memory and program agree."""
    return tuple(range(rank))


def channels_last(rank: int) -> Order:
    """N, spatial axes, C."""
    return (0, *range(2, rank), 1) if rank > 2 else straight(rank)


def arranged(shape: Sequence[int], order: Order) -> tuple[int, ...]:
    """The shape in memory of a value of that shape in the program."""
    return tuple(shape[a] for a in order)


def moved(old: Order, new: Order) -> Order:
    """The permutation that TRANSPOSE needs to bring memory from one order into another."""
    return tuple(old.index(a) for a in new)


def is_free(shape: Sequence[int], perm: Order) -> bool:
    """Whether a permutation of that shape in memory moves nothing: only sizes of 1 change place."""
    axes = [a for a in perm if shape[a] != 1]
    return axes == sorted(axes)


def after_transpose(order: Order, perm: Sequence[int]) -> Order:
    """The order of Transpose(x, perm) when the memory of x stays as it is."""
    return tuple(list(perm).index(a) for a in order)


def after_reshape(order: Order, old: Sequence[int], new: Sequence[int]) -> Order | None:
    """The order of the reshaped value when memory stays as it is, or None where it cannot.

    Axes that are merged or split form groups; the axes of a group must lie together in memory, in
    the order of the program. Sizes of 1 lie anywhere: they are put at the end of their group.
    """
    found = _groups(old, new)
    if found is None:
        return None
    solid = [a for a in order if old[a] != 1]
    made: list[int] = []
    for sources, targets in _in_memory(found, solid):
        wanted = [a for a in sources if old[a] != 1]
        if solid[: len(wanted)] != wanted:
            return None
        solid = solid[len(wanted) :]
        made += targets
    return tuple(made) if not solid else None


Group = tuple[list[int], list[int]]


def _groups(old: Sequence[int], new: Sequence[int]) -> list[Group] | None:
    """The smallest runs of axes of both shapes that hold equally many numbers."""
    groups: list[Group] = []
    i = j = 0
    while i < len(old) or j < len(new):
        sources: list[int] = []
        targets: list[int] = []
        left = right = 1
        while True:
            if left <= right and i < len(old) and (left < right or not sources):
                left *= old[i]
                sources.append(i)
                i += 1
            elif left >= right and j < len(new) and (right < left or not targets):
                right *= new[j]
                targets.append(j)
                j += 1
            else:
                break
        if left != right:
            return None
        groups.append((sources, targets))
    return groups


def _in_memory(groups: list[Group], solid: list[int]) -> list[Group]:
    """The groups in the order in which they lie in memory; one of 1s stays behind another."""
    places: list[int] = []
    for sources, _ in groups:
        known = [solid.index(a) for a in sources if a in solid]
        places.append(min(known) if known else places[-1] if places else -1)
    return [groups[k] for k in sorted(range(len(groups)), key=places.__getitem__)]
