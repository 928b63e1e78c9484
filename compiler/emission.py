"""Every form written by its backend, each in a folder of its own, and a second opinion on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mcompile import graph, ledger, registry
from mcompile.errors import BackendMissing, LoweringError
from mcompile.forms import Made
from mcompile.guide import put
from mcompile.handover import FORMS, guide_of
from mcompile.journal import Journal
from mcompile.outcome import Form
from mcompile.quantize import Ranges
from mcompile.request import Request, as_target
from mcompile.shared import Optimized
from mcompile.types import Artifact, Precision


def written(
    request: Request,
    journal: Journal,
    *,
    programs: Mapping[str, Optimized],
    made: Mapping[str, tuple[Mapping[Precision, Made], Ranges]],
    out: Path,
) -> Mapping[Precision, Form]:
    """Every form of one runtime inside the claimed folder `out`.

    Raises `LoweringError` where the runtime, or the one that is asked for a second opinion, cannot
    hold the program.
    """
    forms: dict[Precision, Form] = {}
    name = request.backend.name
    source, wanted = programs[name][0], made[name][0]
    _refuse_newer(request, wanted)
    with journal.stage("lowered") as entry:
        said = ""
        for precision, each in wanted.items():
            place = out / FORMS / name / precision.value
            place.mkdir(parents=True)
            put(each.program, guide_of(request))
            try:
                artifact = request.backend.lower(each.program, as_target(request, precision), place)
            except LoweringError as error:
                if precision is request.precisions[0]:
                    raise
                said += f"   no {precision.value} to compare with: {error.what}"
                continue
            if not forms:
                said = opinion(request, artifact, place)
            forms[precision] = Form(
                precision, each.program, each.plan, artifact, place,
                tried=ledger.tried(each.chosen) if each.chosen else (),
                alone=ledger.noises(each.chosen.noise, each.program) if each.chosen else (),
                changed=ledger.changed(each.chosen, source) if each.chosen else "",
            )  # fmt: skip
        told = (_told(request, form) for form in forms.values())
        entry.summary = "   ".join([*told, *filter(None, [said.strip()])])
    return forms


def _told(request: Request, form: Form) -> str:
    """The size of a form, and what it is made of where its backend says so."""
    size = sum(f.bytes for f in form.artifact.files) / 1e6
    made = request.backend.contents(form.artifact, form.folder)
    return ", ".join(filter(None, [f"{form.precision.value} {size:.1f} MB", made]))


def opinion(request: Request, artifact: Artifact, folder: Path) -> str:
    """What another vendor's compiler says to the artifact; '' where the backend asks none.

    Only the form that was asked for is shown to it: the others are there to be compared with.
    Raises `LoweringError` naming the node that it refuses.
    """
    if not request.backend.second:
        return ""
    try:
        other = registry.backend(request.backend.second)
    except BackendMissing as error:
        return f"no second opinion: {error.fix}"
    return other.accepts(artifact, folder, as_target(request, artifact.precision))


def _refuse_newer(request: Request, programs: Mapping[Precision, Made]) -> None:
    """Raise `LoweringError` for an operator set that the target's runtime cannot read."""
    cap = request.target.runtime.max_opset
    for program in (made.program for made in programs.values()):
        if cap is not None and graph.opset(program) > cap:
            raise LoweringError(
                f"the model is of opset {graph.opset(program)}, and {request.target.name} reads "
                f"up to {cap}",
                where=program.name,
                fix=f"export it at opset {cap} or below; a PyTorch source is exported so by itself",
            )
