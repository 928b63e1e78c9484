"""Which releases of TensorRT a profile admits."""

from __future__ import annotations

from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.version import Version

from mcompile.backends.tensorrt.operators import OLDEST
from mcompile.errors import TargetError

_PARTS = 4
"""Numbers in the version of a package: JetPack 4.6 calls its 8.2.1 `8.2.1.8`."""
_KNOWN = (">=", ">", "<", "<=", "==")
_FIX = "runtime.versions in the target's profile, such as '>=8.5,<11'"


def plain(versions: str) -> SpecifierSet:
    """The versions in clauses of `>=`, `>`, `<`, `<=` and `==` that a short script can read.

    A `==` of fewer numbers than a package's version has means all that begin with them. Raises
    `TargetError` for what is no such range.
    """
    try:
        asked = SpecifierSet(versions)
    except InvalidSpecifier as error:
        raise TargetError(
            f"{versions} is no range of versions", where="runtime", fix=_FIX
        ) from error
    return SpecifierSet(",".join(c for s in asked for c in _plain(s)))


def _plain(clause: Specifier) -> list[str]:
    number = clause.version.removesuffix(".*")
    given = Version(number).release
    if clause.operator == "~=":
        return [f">={number}", f"<{_next(given[:-1])}"]
    if clause.operator == "==" and len(given) < _PARTS:
        return [f">={number}", f"<{_next(given)}"]
    if clause.operator not in _KNOWN:
        raise TargetError(f"{clause} is no range of versions", where="runtime", fix=_FIX)
    return [str(clause)]


def _next(release: tuple[int, ...]) -> str:
    return ".".join(map(str, (*release[:-1], release[-1] + 1)))


def floor(versions: SpecifierSet) -> Version:
    """The oldest release that is admitted."""
    bounds = [Version(s.version) for s in versions if s.operator in (">=", ">", "==")]
    return max([OLDEST, *bounds])


def admits(versions: SpecifierSet, since: Version) -> bool:
    """Whether a release from `since` on is admitted."""
    return all(_reaches(s, since) for s in versions)


def _reaches(clause: Specifier, since: Version) -> bool:
    end = Version(clause.version)
    if clause.operator == "<":
        return since < end
    return since <= end if clause.operator in ("<=", "==") else True


def told(versions: SpecifierSet) -> str:
    """The range as people write it, its lower end first."""
    return ",".join(sorted(map(str, versions), key=lambda clause: (clause[0] != ">", clause)))
