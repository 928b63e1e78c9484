"""The command line: its commands, its exit codes, and what goes to which stream.

Nothing heavy is imported before a command needs it: `mcompile --help` is a matter of a moment.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import click

from mcompile.errors import Broken, CompileError, UsageError
from mcompile.talk import Talk, patient

Command = Callable[..., int]
INTERRUPTED, TERMINATED = 130, 143


def options(*names: str) -> Callable[[Command], Command]:
    """The named options of `OPTIONS`, and those that every command has."""

    def add(command: Command) -> Command:
        for name in reversed([*names, "json", "verbose", "quiet"]):
            command = OPTIONS[name](command)
        return command

    return add


def flag(*spelling: str, **how: Any) -> Callable[[Command], Command]:
    """An option that is given or not."""
    return click.option(*spelling, is_flag=True, **how)


def listed(*spelling: str, **how: Any) -> Callable[[Command], Command]:
    """An option that may be repeated."""
    return click.option(*spelling, multiple=True, **how)


POSITIVE = click.IntRange(min=1)
OPTIONS: dict[str, Callable[[Command], Command]] = {
    "json": flag("--json", help="One JSON document on stdout, nothing else there."),
    "verbose": flag("-v", "--verbose", help="Reasons, advice and causes too."),
    "quiet": flag("-q", "--quiet", help="Only the verdict and errors."),
    "model": click.argument("model"),
    "folder": click.argument("folder", metavar="DIR"),
    "folders": click.argument("folders", metavar="DIR DIR...", nargs=-1, required=True),
    "target": click.option("--target", default="", help="A profile's name, or a TOML file."),
    "precision": click.option(
        "--precision",
        help="fp32, fp16, bf16, int8, int8-dynamic, int8-weights, int4-weights, int16x8 or auto.",
    ),
    "backend": click.option(
        "--backend",
        metavar="NAME|auto",
        help="A runtime of the profile; auto measures them all and hands over the better.",
    ),
    "strict": flag("--strict", help="Refuse instead of falling back."),
    "arch": click.option("--arch", help="MODULE:CALLABLE that builds the network."),
    "arch_args": click.option("--arch-args", help="JSON object of its arguments."),
    "inputs": listed("--input", "inputs", help="[NAME=]F32[1,3,224,224]; a word is a free size."),
    "calibration": click.option("--calibration", help="Samples that set the ranges."),
    "samples": click.option("--samples", type=POSITIVE, help="At most so many of them."),
    "percentile": click.option(
        "--percentile", type=click.FloatRange(50, 100), help="Clip ranges to that share of values."
    ),
    "keep_float": listed("--keep-float", metavar="NODE", help="A node that stays float."),
    "ranges": click.option("--ranges", help="File of observed ranges: kept, reused, gone on with."),
    "plan": click.option("--plan", help="plan.json of a build, instead of choosing anew."),
    "thorough": click.option(
        "--thorough",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help="Look for a more accurate INT8 for so long.",
    ),
    "evaluation": click.option("--evaluation", help="Labelled samples to judge by."),
    "metric": click.option("--metric", help="top1, top5, mae, cosine or MODULE:CALLABLE."),
    "preprocess": click.option("--preprocess", help="A preset's name, or a TOML file."),
    "budgets": listed("--budget", "budgets", metavar="KEY=VALUE", help="Over the profile's."),
    "scenario": click.option("--scenario", help="Limits of a use, over the profile's."),
    "require_measured": flag("--require-measured", help="Unproven hard budgets fail."),
    "runtime": click.option(
        "--runtime", default="onnxruntime", help="The runtime whose own rules are applied too."
    ),
    "opset": click.option(
        "--opset", type=click.IntRange(13, 25), help="Write it in that operator set."
    ),
    "skip": listed("--skip", metavar="RULE", help="A rule to leave out."),
    "trust_code": flag("--trust-code", help="Run code that the model brings along."),
    "seed": click.option("--seed", type=int, default=0),
    "threads": click.option("--threads", type=POSITIVE, help="Threads of the runtime."),
    "measured": click.option("--measured", metavar="FILE", help="Figures taken on the device."),
    "batch": click.option("--batch", type=POSITIVE, help="Batch at which throughput is taken."),
    "runs": click.option("--runs", type=POSITIVE, help="Timed runs of each form, at most."),
    "seconds": click.option(
        "--seconds", type=click.FloatRange(min=0.1), help="Seconds of timing, at most."
    ),
    "out": click.option("-o", "--out", default="out", help="Where the output folder goes."),
    "file": click.option("-o", "--out", required=True, help="The .onnx file to write."),
    "write_card": flag("--write-card", help="Write a first model card beside MODEL."),
}
SOURCE = ("arch", "arch_args", "inputs", "trust_code")
BUILD = (
    "model", "target", "precision", "backend", "strict", "arch", "arch_args", "inputs",
    "calibration", "samples", "percentile", "ranges", "plan", "keep_float", "thorough",
    "evaluation", "metric", "preprocess", "budgets", "scenario",
    "require_measured", "skip", "trust_code", "seed", "threads", "batch", "runs", "seconds", "out",
)  # fmt: skip


class Commands(click.Group):
    """A group in which the word `build` may be left out."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Put `build` before anything that is no command and no option of the group itself."""
        if args and args[0] not in {*self.commands, "--help", "--version"}:
            args = ["build", *args]
        return super().parse_args(context, args)


@click.group(cls=Commands, context_settings={"max_content_width": 100})
@click.version_option(package_name="mcompile", message="mcompile %(version)s")
def app() -> None:
    """A trained model in, an artifact judged against a device's budgets out."""


@app.command()
@options(*BUILD)
def build(json: bool, verbose: bool, quiet: bool, model: str, **given: Any) -> int:
    """Build MODEL for --target, and judge it (the word `build` may be left out)."""
    return _later("commands", "build")(Talk(json, verbose, quiet), model, given)


@app.command()
@click.argument("name", default="")
@options()
def targets(json: bool, verbose: bool, quiet: bool, name: str) -> int:
    """The profiles; one in full, with sources and the legality of each precision."""
    return _later("listing", "targets")(Talk(json, verbose, quiet), name)


@app.command()
@options()
def backends(json: bool, verbose: bool, quiet: bool) -> int:
    """What can be emitted here, what is missing, and the command that installs it."""
    return _later("listing", "backends")(Talk(json, verbose, quiet))


@app.command()
@options("model", "target", *SOURCE, "write_card")
def inspect(
    json: bool, verbose: bool, quiet: bool, model: str, write_card: bool, **given: Any
) -> int:
    """Parameters, MACs, activation memory, ops, and what each target would refuse or predict."""
    run_it = _later("commands", "inspect")
    return run_it(Talk(json, verbose, quiet), model, given, write_card)


@app.command()
@options("model", "file", *SOURCE, "runtime", "opset", "skip")
def optimize(json: bool, verbose: bool, quiet: bool, model: str, out: str, **given: Any) -> int:
    """The middle end alone: any model in, an equal and better ONNX out, with the rule log."""
    form = {key: given.pop(key) for key in ("runtime", "opset")}
    run_it = _later("commands", "optimize")
    return run_it(Talk(json, verbose, quiet), model, given, out, **form)


@app.command()
@options("folder", "threads", "measured")
def check(json: bool, verbose: bool, quiet: bool, folder: str, **given: Any) -> int:
    """An artifact again: hashes, contract with this machine, golden outputs, budgets."""
    return _later("commands", "check")(Talk(json, verbose, quiet), folder, **given)


@app.command()
@options("folders")
def compare(json: bool, verbose: bool, quiet: bool, folders: tuple[str, ...]) -> int:
    """Artifacts side by side, with the Pareto front."""
    return _later("commands", "compare")(Talk(json, verbose, quiet), folders)


@app.command()
@click.argument("name")
@options()
def explain(json: bool, verbose: bool, quiet: bool, name: str) -> int:
    """What a rule, an error, a budget, a metric or a target is."""
    return _later("explain", "explain")(Talk(json, verbose, quiet), name)


def _later(module: str, name: str) -> Command:
    """A function of a module that is imported now and not before."""
    found: Command = getattr(import_module(f"mcompile.{module}"), name)
    return found


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit with its code."""
    # A cancelled job must leave as an interrupted one does: with its half-made folder removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    sys.stdout, sys.stderr = patient(sys.stdout), patient(sys.stderr)
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(words: list[str]) -> int:
    """Run one command and return its exit code; errors are printed, never raised."""
    talk = Talk.of(words)
    try:
        return int(app.main(words or ["--help"], prog_name="mcompile", standalone_mode=False) or 0)
    except CompileError as error:
        return talk.refuse(error)
    except (KeyboardInterrupt, click.Abort):
        talk.note("interrupted: nothing was written")
        return INTERRUPTED
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "mcompile"
        what = error.format_message().rstrip(".")
        what = what[:1].lower() + what[1:]
        return talk.refuse(UsageError(what, where=where, fix=f"{where} --help"))
    except BrokenPipeError:
        return 0
    except Exception as error:
        bug = Broken(
            f"{type(error).__name__}: {error}".splitlines()[0],
            fix="report this model and command, with the output of -v",
        )
        bug.__cause__ = error
        return talk.refuse(bug)
