"""What the commands that touch a model or an artifact do."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mcompile import graph, optimizer, pipeline, registry, report
from mcompile.card import with_card
from mcompile.check import check as check_folder
from mcompile.errors import ContractError, UsageError
from mcompile.frontend import CaptureOptions, capture, parse_input
from mcompile.inspection import card
from mcompile.inspection import inspect as look_into
from mcompile.measured import judge
from mcompile.options import Options, absent, of
from mcompile.record import Log, Report
from mcompile.report import console, document, figures, front
from mcompile.reproduce.cases import Cases
from mcompile.reproduce.reproducer import FOLDER
from mcompile.samples import load_preprocess, open_samples
from mcompile.talk import Talk
from mcompile.telling import described, told
from mcompile.types import Feeds, Program, Verdict
from mcompile.validate import ALWAYS

_EXIT = {Verdict.PASSED: 0, Verdict.UNPROVEN: 0, Verdict.FAILED: 1}


def build(talk: Talk, model: str, given: Mapping[str, Any]) -> int:
    """Build, print the report, and return 1 when a budget failed."""
    options = _options(given)
    with talk.progress() as watch:
        made = pipeline.build(model, options, report.write, watch)
    if talk.json:
        talk.document(document.dump(made))
    elif talk.quiet:
        talk.say(f"{made.verdict.value}  {made.folder}")
    else:
        console.show(made, talk.console(), talk.verbose)
    return _EXIT[made.verdict]


def optimize(
    talk: Talk,
    model: str,
    given: Mapping[str, Any],
    out: str,
    *,
    runtime: str = "onnxruntime",
    opset: int | None = None,
) -> int:
    """Write the optimized model to `out`, whole or not at all, and print the rule log.

    It keeps its operator set where `opset` names no other.
    """
    options, _ = with_card(model, _options(given))
    registry.known(runtime)
    if not Path(out).name:
        raise UsageError("a folder is no place for the model", where=f"-o {out}", fix="-o new.onnx")
    with talk.progress() as watch:
        watch("captured")
        program = capture(model, _capture(options))
        watch("optimized")
        cases = Cases(optimizer.optimize)
        feeds = _feeds(options, program)
        start = optimizer.written_in(program, opset, feeds)
        better, log = optimizer.optimize(
            start, options.skip, feeds, runtime=runtime, keep=cases.keep
        )
        log = _placed(log, Path(out))
        _save(better, Path(out), cases)
    before, after = (p.graph.graph.num_nodes() for p in (program, better))
    if talk.json:
        talk.document({"out": out, "nodes_before": before, "nodes_after": after, "rules": log})
    elif not talk.quiet:
        talk.say(*told(log, talk.verbose), f"{before} -> {after} nodes   {out}")
    return 0


def inspect(talk: Talk, model: str, given: Mapping[str, Any], write_card: bool) -> int:
    """Print what the model is and what the targets would make of it."""
    path = Path(model).with_suffix(".toml") if write_card and Path(model).is_file() else None
    if write_card and (path is None or path.exists()):
        raise UsageError(
            "there is a model card already" if path else "a model card lies beside a model file",
            where=str(path or model),
            fix="edit it" if path else "give these options on the command line",
        )
    with talk.progress() as watch:
        watch("captured")
        found = look_into(model, _options(given))
    if path is not None:
        path.write_text(card(found), encoding="utf-8")
        talk.note(f"wrote {path}")
    if talk.json:
        talk.document(found)
    else:
        talk.say(*described(found))
    return 0


def check(talk: Talk, folder: str, threads: int | None = None, measured: str | None = None) -> int:
    """Print whether the artifact still holds, and return 1 when a budget or golden output fails.

    It runs here, or is judged by the figures of the file `measured`, which its device took.
    """
    recorded = _report(Path(folder)).checks
    always = {row.metric for row in ALWAYS}
    with talk.progress() as watch:
        watch("checking the artifact")
        if measured:
            found = judge(Path(folder), recorded, Path(measured))
        else:
            found = check_folder(Path(folder), recorded, threads)
    if talk.json:
        talk.document(found)
        return _EXIT[found.verdict]
    if not talk.quiet:
        fits = f"judged by {measured}" if measured else "this machine fits"
        talk.say("files          whole, hashes as recorded", f"contract       {fits}")
    for row in () if talk.quiet else found.checks:
        if talk.verbose or row.name not in always:
            value = figures.found(row.measured) if row.measured else "not measured"
            talk.say(f"{row.name:24} {value:>20}   {row.verdict.value:8} {row.because}".rstrip())
    talk.say(f"{found.verdict.value}: {folder}")
    return _EXIT[found.verdict]


def compare(talk: Talk, folders: Sequence[str]) -> int:
    """Print artifacts side by side."""
    reports = [_report(Path(folder)) for folder in folders]
    if len(reports) < 2:
        raise UsageError(
            "one artifact cannot be compared", where=folders[0], fix="mcompile compare DIR DIR..."
        )
    if talk.json:
        talk.document(_contest(folders, reports))
    else:
        console.compare(reports, talk.console())
    return 0


def _contest(folders: Sequence[str], reports: Sequence[Report]) -> dict[str, Any]:
    """The rows of a comparison as data; `front` tells those that no other beats on every axis."""
    axes, best = front.axes(reports), front.chosen(reports)
    rows = [
        {"folder": folder, "model": r.model, "target": r.target, "precision": r.built,
         "verdict": r.verdict, "front": i in best,
         "measured": {axis: front.measurement(r, axis) for axis in axes}}
        for i, (folder, r) in enumerate(zip(folders, reports, strict=True))
    ]  # fmt: skip
    ranked = [axis for axis in axes if axis not in front.doubted(reports)]
    return {"axes": axes, "ranked": ranked, "artifacts": rows}


def _options(given: Mapping[str, Any]) -> Options:
    """The options behind the words of a command line."""
    _refuse_nothing(given)
    known = {k: v for k, v in given.items() if v not in (None, "", (), [])}
    if "arch_args" in known:
        try:
            known["arch_args"] = json.loads(known["arch_args"])
        except json.JSONDecodeError as error:
            raise UsageError(
                f"not JSON: {error}", where="--arch-args", fix="""for example '{"width": 1.0}'"""
            ) from error
        if not isinstance(known["arch_args"], dict):
            raise UsageError("not a JSON object", where="--arch-args", fix='{"name": value}')
    return of(known)


def _refuse_nothing(given: Mapping[str, Any]) -> None:
    """Raise `UsageError` for an option whose value is empty: it would be the default unseen."""
    empty = (k for k, v in given.items() if k != "target" and v in ("", ("",)))
    for name in empty:
        option = "--" + {"inputs": "input", "budgets": "budget"}.get(name, name.replace("_", "-"))
        raise UsageError("nothing is given", where=option, fix=f"a value, or leave {option} out")


def _capture(options: Options) -> CaptureOptions:
    return CaptureOptions(
        inputs=tuple(parse_input(text) for text in options.inputs),
        arch=options.arch,
        arch_args=options.arch_args,
        trust_code=options.trust_code,
    )


def _feeds(options: Options, program: Program) -> list[Feeds]:
    """One real input, where the model card names samples: seeded ones are tried as well."""
    if absent(options.calibration) or not program.inputs:
        return []
    how = None if absent(options.preprocess) else load_preprocess(options.preprocess)
    samples = open_samples(options.calibration, program.inputs, preprocess=how, limit=1)
    return [sample.feeds for sample in samples]


def _placed(log: Log, out: Path) -> Log:
    """The log with its reproducers beside `out`."""
    folder = str(out.with_suffix(f".{FOLDER}"))
    undone = (
        replace(u, reproducer=folder + u.reproducer.removeprefix(FOLDER)) if u.reproducer else u
        for u in log.undone
    )
    return replace(log, undone=tuple(undone))


def _save(program: Program, out: Path, cases: Cases) -> None:
    """Write beside, then rename: a model that is there is never half of one.

    The reproducers of an earlier run go; a folder of that name and another origin is not touched.
    """
    place = out.parent / f".{out.name}.{secrets.token_hex(4)}.tmp"
    beside = out.with_suffix(f".{FOLDER}")
    try:
        place.mkdir(parents=True)
        graph.save(program, place / out.name)
        cases.write(place)
        if beside.is_dir() and all((p / "before.onnx").is_file() for p in beside.iterdir()):
            shutil.rmtree(beside)
        if (place / FOLDER).exists():
            os.replace(place / FOLDER, beside)
        for made in sorted(place.iterdir(), key=lambda p: p.name == out.name):
            os.replace(made, out.parent / made.name)
    except OSError as error:
        raise UsageError(
            f"cannot be written: {(error.strerror or str(error)).lower()}",
            where=str(out),
            fix="choose another file with -o",
        ) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _report(folder: Path) -> Report:
    try:
        return document.load((folder / "report.json").read_bytes())
    except OSError as error:
        raise ContractError(
            "no report.json can be read here: this is not an artifact",
            where=str(folder),
            fix="give the folder that a build wrote",
        ) from error
