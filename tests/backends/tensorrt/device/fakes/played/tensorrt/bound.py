"""Classes that behave as bound ones do: what a release has not is not there, to read or to set."""

import importlib.util
from pathlib import Path

_PATH = Path(__file__).parents[4] / "majors.py"
_SPEC = importlib.util.spec_from_file_location("majors", _PATH)
majors = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(majors)


class Bound:
    """An object that takes no attribute but its properties."""

    def __setattr__(self, name, value):
        if not name.startswith("_") and not isinstance(getattr(type(self), name, None), property):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        object.__setattr__(self, name, value)


def name_of(version):
    """The recorded release that a version is of."""
    return max((r for r in majors.RELEASES if _numbers(r) <= _numbers(version)[:2]), key=_numbers)


def release(version):
    """The names in each class of the release that a version is of."""
    return majors.members(name_of(version))


def limited(played, names):
    """`played` without what this release has not, and with what is not played as errors."""
    for name in [n for n in vars(played) if not n.startswith("_") and n not in names]:
        delattr(played, name)
    for name in names - set(vars(played)):
        if not name.startswith("__"):
            setattr(played, name, property(_unplayed(f"{played.__name__}.{name}")))


def _unplayed(name):
    def read(_self):
        raise NotImplementedError(f"{name} is not played here")

    return read


def _numbers(text):
    return tuple(int(part) for part in text.split("."))
