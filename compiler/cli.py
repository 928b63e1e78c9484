"""The command line: its commands, its exit codes, and what goes to which stream.

Nothing heavy is imported before a command needs it: `mcompile --help` is a matter of a moment.
"""

from __future__ import annotations

import signal
import sys
from typing import Annotated, Any

import typer

from mcompile.errors import Broken, CompileError, UsageError
from mcompile.talk import Talk

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A trained model in, an artifact judged against a device's budgets out.",
)
_OWN = {"--help", "--version", "-h"}

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Reasons, advice and causes too.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Only the verdict and errors.")]
Model = Annotated[str, typer.Argument(help="A model file, or MODULE:CALLABLE.", show_default=False)]
TargetName = Annotated[str, typer.Option("--target", help="A profile's name, or a TOML file.")]
Arch = Annotated[str, typer.Option(help="MODULE:CALLABLE that builds the network.")]
ArchArgs = Annotated[str, typer.Option(help="JSON object of its arguments.")]
Input = Annotated[list[str], typer.Option(help="[NAME=]F32[1,3,224,224]; a word is a free size.")]
Skip = Annotated[list[str], typer.Option(help="A rule to leave out.")]
Trust = Annotated[bool, typer.Option("--trust-code", help="Run code that the model brings along.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads of the runtime.")]
EMPTY: list[str] = []


@app.command()
def build(
    model: Model,
    target: TargetName,
    precision: Annotated[str, typer.Option(help="fp32, fp16, int8, int8-dynamic, auto.")] = "",
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse instead of falling back.")
    ] = False,
    arch: Arch = "",
    arch_args: ArchArgs = "",
    input: Input = EMPTY,
    calibration: Annotated[str, typer.Option(help="Samples that set the ranges.")] = "",
    samples: Annotated[int | None, typer.Option(help="At most so many of them.")] = None,
    percentile: Annotated[
        float | None, typer.Option(min=50, max=100, help="Clip ranges to that share of values.")
    ] = None,
    evaluation: Annotated[str, typer.Option(help="Labelled samples to judge by.")] = "",
    metric: Annotated[str, typer.Option(help="top1, top5, mae, cosine or MODULE:CALLABLE.")] = "",
    preprocess: Annotated[str, typer.Option(help="A preset's name, or a TOML file.")] = "",
    budget: Annotated[list[str], typer.Option(help="KEY=VALUE over the profile's.")] = EMPTY,
    scenario: Annotated[str, typer.Option(help="Limits of a use, over the profile's.")] = "",
    require_measured: Annotated[
        bool, typer.Option("--require-measured", help="Unproven hard budgets fail.")
    ] = False,
    skip: Skip = EMPTY,
    trust_code: Trust = False,
    seed: int = 0,
    threads: Threads = None,
    batch: Annotated[int, typer.Option(min=1, help="Batch at which throughput is taken.")] = 1,
    runs: Annotated[int, typer.Option(min=1, help="Timed runs of each form, at most.")] = 200,
    seconds: Annotated[float, typer.Option(min=0.1, help="Timing of all forms, at most.")] = 20.0,
    out: Annotated[str, typer.Option("-o", "--out", help="Parent of the output folder.")] = "out",
    json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> int:
    """Build MODEL for --target, and judge it (the word `build` may be left out)."""
    from mcompile import commands

    given = {
        "target": target, "precision": precision, "strict": strict, "arch": arch,
        "arch_args": arch_args, "inputs": input, "calibration": calibration, "samples": samples,
        "percentile": percentile, "evaluation": evaluation, "metric": metric,
        "preprocess": preprocess, "budgets": budget, "scenario": scenario,
        "require_measured": require_measured, "skip": skip, "trust_code": trust_code,
        "seed": seed, "threads": threads, "batch": batch, "runs": runs, "seconds": seconds,
        "out": out,
    }  # fmt: skip
    return commands.build(Talk(json, verbose, quiet), model, given)


@app.command()
def targets(
    name: Annotated[str, typer.Argument(help="One profile in full.")] = "",
    json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> int:
    """The profiles; one in full, with sources and the legality of each precision."""
    from mcompile import listing

    return listing.targets(Talk(json, verbose, quiet), name)


@app.command()
def backends(json: Json = False, verbose: Verbose = False, quiet: Quiet = False) -> int:
    """What can be emitted here, what is missing, and the command that installs it."""
    from mcompile import listing

    return listing.backends(Talk(json, verbose, quiet))


@app.command()
def inspect(
    model: Model,
    target: TargetName = "",
    arch: Arch = "",
    arch_args: ArchArgs = "",
    input: Input = EMPTY,
    trust_code: Trust = False,
    write_card: Annotated[
        bool, typer.Option("--write-card", help="Write a first model card beside MODEL.")
    ] = False,
    json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> int:
    """Parameters, MACs, activation memory, ops, and what each target would refuse or predict."""
    from mcompile import commands

    given = {"target": target, "arch": arch, "arch_args": arch_args, "inputs": input,
             "trust_code": trust_code}  # fmt: skip
    return commands.inspect(Talk(json, verbose, quiet), model, given, write_card)


@app.command()
def optimize(
    model: Model,
    out: Annotated[str, typer.Option("-o", "--out", help="The .onnx file to write.")],
    arch: Arch = "",
    arch_args: ArchArgs = "",
    input: Input = EMPTY,
    skip: Skip = EMPTY,
    trust_code: Trust = False,
    json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> int:
    """The middle end alone: any model in, an equal and better ONNX out, with the rule log."""
    from mcompile import commands

    given = {"arch": arch, "arch_args": arch_args, "inputs": input, "skip": skip,
             "trust_code": trust_code}  # fmt: skip
    return commands.optimize(Talk(json, verbose, quiet), model, given, out)


@app.command()
def check(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="What a build wrote.")],
    threads: Threads = None,
    json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> int:
    """An artifact again: hashes, contract with this machine, golden outputs, budgets."""
    from mcompile import commands

    return commands.check(Talk(json, verbose, quiet), folder, threads)


@app.command()
def compare(
    folders: Annotated[list[str], typer.Argument(metavar="DIR DIR...", help="Artifacts.")],
    json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> int:
    """Artifacts side by side, with the Pareto front."""
    from mcompile import commands

    return commands.compare(Talk(json, verbose, quiet), folders)


@app.command()
def explain(
    name: Annotated[str, typer.Argument(help="A rule, an error, a budget, a metric, a target.")],
    json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> int:
    """What a name in a report or an error means."""
    from mcompile import explain as explanations

    return explanations.explain(Talk(json, verbose, quiet), name)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as of

        print(f"mcompile {of('mcompile')}")
        raise typer.Exit


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit with its code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    # A cancelled job must leave as an interrupted one does: with its half-made folder removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(run(words))


def run(words: list[str]) -> int:
    """Run one command and return its exit code; errors are printed, never raised."""
    known = {c.name or c.callback.__name__ for c in app.registered_commands if c.callback}
    if words and words[0] not in known | _OWN:
        words.insert(0, "build")
    talk = Talk.of(words)
    try:
        code: Any = app(words, prog_name="mcompile", standalone_mode=False)
        return int(code or 0)
    except CompileError as error:
        return talk.refuse(error)
    except KeyboardInterrupt:
        talk.note("interrupted: nothing was written")
        return 130
    except BrokenPipeError:
        return 0
    except Exception as error:
        return _unexpected(talk, error)


def _unexpected(talk: Talk, error: Exception) -> int:
    # By what they can do: typer has brought its own copy of click since 0.27.
    message = getattr(error, "format_message", None)
    if callable(message):
        where = getattr(error, "ctx", None)
        command = where.command_path if where else "mcompile"
        return talk.refuse(UsageError(str(message()).rstrip("."), fix=f"{command} --help"))
    bug = Broken(
        f"{type(error).__name__}: {error}".splitlines()[0],
        fix="report this model and command, with the output of -v",
    )
    bug.__cause__ = error
    return talk.refuse(bug)
