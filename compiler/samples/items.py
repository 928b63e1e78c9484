"""What Python code hands over as samples: arrays, tensors, dicts, and pairs with a label."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from mcompile.errors import CompileError, SamplesError
from mcompile.samples.ports import numpy_of
from mcompile.samples.source import LABELS, Chunk, Wanted
from mcompile.samples.stacked import Plan, header, plan, read, slices
from mcompile.types import Array, Sample


def is_array(value: object) -> bool:
    """Whether it has a shape, as arrays and tensors of all libraries do."""
    return hasattr(value, "shape") and hasattr(value, "dtype")


def is_stack(value: object) -> bool:
    """Whether it is all data at once: an array whose first axis counts samples, or a dict."""
    return is_array(value) or isinstance(value, Mapping)


def stack(value: object, wanted: Wanted, where: str) -> tuple[dict[str, Array], Plan]:
    """The arrays of such data by name, and how they are read."""
    named = value if isinstance(value, Mapping) else {wanted.sole(where).name: value}
    arrays = {str(name): numpy_of(array, str(name), where) for name, array in named.items()}
    return arrays, plan({name: header(a) for name, a in arrays.items()}, wanted, where)


def chunks(value: object, wanted: Wanted, where: str) -> Iterator[Chunk]:
    """The data in what Python code gave: a stack, or an iterable of items.

    Raises `SamplesError` from whatever the user's own code raises on the way.
    """
    if is_stack(value):
        arrays, how = stack(value, wanted, where)
        yield from read({n: slices(a) for n, a in arrays.items()}, how, wanted, "")
        return
    for number, item in enumerate(_guarded(value, where)):
        yield _chunk(item, wanted, f"item {number}", f"{where}, item {number}")


def failed(error: Exception, where: str) -> SamplesError:
    """What to say of an exception of the user's own code."""
    return SamplesError(
        f"the code that gives the samples failed: {type(error).__name__}: {error}",
        where=where,
        fix="run it by itself; -v shows the cause",
    )


def _guarded(value: object, where: str) -> Iterator[object]:
    try:
        items = _iterator(value)
    except TypeError as error:
        raise SamplesError(
            f"{type(value).__name__} cannot be iterated",
            where=where,
            fix="give arrays, or an iterable of arrays, dicts or (input, label) pairs",
        ) from error
    while True:
        try:
            item = next(items)
        except StopIteration:
            return
        except CompileError:
            raise
        except Exception as error:
            raise failed(error, where) from error
        yield item


def _iterator(value: Any) -> Iterator[object]:
    # A map-style PyTorch dataset knows its length and its items, and does not end by itself.
    if not isinstance(value, Iterable) and hasattr(value, "__len__"):
        return (value[number] for number in range(len(value)))
    return iter(value)


def _chunk(item: object, wanted: Wanted, name: str, where: str) -> Chunk:
    if isinstance(item, Sample):
        return Chunk(dict(item.feeds), item.label, item.name or name)
    data, label = _parts(item, wanted)
    known = [p.name for p in wanted.ports]
    if isinstance(data, Mapping):
        named = {str(key): value for key, value in data.items()}
        if LABELS not in known and LABELS in named:
            label = named.pop(LABELS)
    elif _is_several(data):
        named = dict(zip(known, data, strict=False))
        if len(data) != len(known):
            raise SamplesError(
                f"{len(data)} arrays for {len(known)} inputs",
                where=where,
                fix=f"a dict with {', '.join(known)}",
            )
    else:
        named = {wanted.sole(where).name: data}
    arrays = {key: numpy_of(value, key, where) for key, value in named.items()}
    return Chunk(arrays, None if label is None else numpy_of(label, "the label", where), name)


def _parts(item: object, wanted: Wanted) -> tuple[object, object]:
    """Data and label: as many arrays as inputs are data, one more is the label."""
    if not _is_several(item):
        return item, None
    inputs = len(wanted.ports)
    nested = len(item) == 2 and (isinstance(item[0], Mapping) or _is_several(item[0]))
    if nested or (len(item) == 2 and inputs == 1):
        return item[0], item[1]
    if len(item) == inputs + 1:
        return item[:-1], item[-1]
    return item, None


def _is_several(item: object) -> TypeGuard[Sequence[object]]:
    """Whether it is a collection of arrays and not one array written as nested lists."""
    if isinstance(item, tuple):
        return True
    return isinstance(item, list) and any(is_array(x) or isinstance(x, Mapping) for x in item)
