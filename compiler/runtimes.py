"""The runtimes that a build is made for: the one that is meant, or all that can where it is left
open.

Under `--backend auto` a runtime that is not installed, that may not be given the precision or that
cannot hold the model is left out with the reason, as long as another one is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from mcompile.errors import BackendMissing, CompileError, ContractError, LoweringError, TargetError
from mcompile.journal import Journal
from mcompile.options import Options
from mcompile.record import Rival
from mcompile.request import AUTO, Request, resolve, runtimes_of

T = TypeVar("T")


@dataclass
class Runtimes:
    """The runtimes that are still in, each with its own request, and those that are out.

    `contested` tells that the choice between them is open, however many are left.
    """

    requests: dict[str, Request]
    contested: bool = False
    out: list[Rival] = field(default_factory=list)

    @property
    def first(self) -> Request:
        """The request of the first runtime, in which all agree about the model and the data."""
        return next(iter(self.requests.values()))

    @property
    def together(self) -> Request:
        """A request for all that any of them needs: every form, by what all of them can read."""
        every = self.requests.values()
        caps = [r.target.runtime.max_opset for r in every]
        known = [cap for cap in caps if cap is not None]
        reads = replace(self.first.target.runtime, max_opset=min(known, default=None))
        return replace(
            self.first,
            target=replace(self.first.target, runtime=reads),
            precisions=tuple(dict.fromkeys(p for r in every for p in r.precisions)),
        )

    def change(self, do: Callable[[Request], Request]) -> None:
        """Put what is made of it in place of each request."""
        self.requests = {name: do(request) for name, request in self.requests.items()}

    def each(self, do: Callable[[Request, Journal], T], journal: Journal) -> dict[str, T]:
        """What is made for each runtime by name; one that it cannot be made for is out.

        Raises what is in the way where no runtime is left.
        """
        found = {}
        for name, request in tuple(self.requests.items()):
            own = Journal(_told(journal, name)) if self.contested else journal
            try:
                found[name] = do(request, own)
            except (LoweringError, ContractError, TargetError) as error:
                self._leave(name, error)
            finally:
                if self.contested:
                    journal.stages += [
                        replace(s, summary=f"{name}: {s.summary}") for s in own.stages
                    ]
        return {name: made for name, made in found.items() if name in self.requests}

    def _leave(self, name: str, error: CompileError) -> None:
        if not self.contested or len(self.requests) == 1:
            raise error
        del self.requests[name]
        self.out.append(_reason(name, error))


def entered(source: object, given: Options) -> Runtimes:
    """The runtimes that can begin. Raises as `request.resolve` does where none can."""
    names = runtimes_of(source, given)
    requests: dict[str, Request] = {}
    errors: dict[str, CompileError] = {}
    for name in names:
        try:
            requests[name] = resolve(source, given, name)
        except (BackendMissing, TargetError) as error:
            errors[name] = error
    if not requests:
        missing = (e for e in errors.values() if isinstance(e, BackendMissing))
        raise next(missing, next(iter(errors.values())))
    out = [_reason(name, error) for name, error in errors.items()]
    contested = next(iter(requests.values())).options.backend == AUTO
    return _of_one_precision(Runtimes(requests, contested, out))


def _of_one_precision(found: Runtimes) -> Runtimes:
    """Without runtimes that would build something else, where one builds what was asked for."""
    first = found.first
    if first.choose:
        return found
    exact = (r.requested for r in found.requests.values() if r.precisions[0] is r.requested)
    wanted = next(exact, first.precisions[0])
    for name, request in tuple(found.requests.items()):
        if request.precisions[0] is not wanted:
            del found.requests[name]
            found.out.append(Rival(name, out=request.because, fix=f"--backend {name}"))
    return found


def _reason(name: str, error: CompileError) -> Rival:
    where = f" ({error.where})" if error.where else ""
    return Rival(name, out=f"{error.what}{where}", fix=error.fix)


def _told(journal: Journal, name: str) -> Callable[[str], None]:
    return lambda stage: journal.watch(f"{stage} for {name}")
