"""The command line: exit codes, streams, one JSON document, and nothing heavy before its time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from mcompile import cli, commands, pipeline
from mcompile.errors import CompileError, SourceError

from .conftest import QUICK

COMMANDS = ("build", "targets", "backends", "inspect", "optimize", "check", "compare", "explain")
HEAVY = ("torch", "onnx", "onnx_ir", "onnxruntime", "numpy", "matplotlib", "rich")


def lines(text: str) -> list[str]:
    """The lines of a refusal, which are three: what, where, what to try."""
    found = text.splitlines()
    assert len(found) == 3, text
    assert found[0].startswith("error: ")
    assert found[1].startswith("  in   ")
    assert found[2].startswith("  try  ")
    return found


@pytest.fixture
def net(data, monkeypatch) -> list[str]:
    """The words of a quick float build, run where it may leave its output."""
    monkeypatch.chdir(data)
    return ["net.onnx", "--target", "cpu-server", *QUICK]


@pytest.fixture
def broken(monkeypatch):
    """Makes the build end with an exception."""

    def fail(error: BaseException) -> None:
        def build(*rest, **more):
            raise error

        monkeypatch.setattr(pipeline, "build", build)

    return fail


@pytest.mark.parametrize("words", [["--help"], [], *([c, "--help"] for c in COMMANDS)])
def test_help_is_a_result_and_not_an_error(words, capsys) -> None:
    assert cli.run(words) == 0
    out, err = capsys.readouterr()
    assert "Usage: mcompile" in out
    assert err == ""


def test_help_names_every_command_of_the_contract(capsys) -> None:
    cli.run(["--help"])
    out = capsys.readouterr().out
    assert not [c for c in COMMANDS if f"\n  {c} " not in out]


def test_the_version_is_that_of_the_package(capsys) -> None:
    from importlib.metadata import version

    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"mcompile {version('mcompile')}\n"


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    code = f"""
import json, sys
import mcompile
found = {{"import": [n for n in {HEAVY} if n in sys.modules]}}
from mcompile import cli
import contextlib, io
for words in (["--help"], ["build", "--help"], ["targets"]):
    with contextlib.redirect_stdout(io.StringIO()):
        assert cli.run(words) == 0
    found[" ".join(words)] = [n for n in {HEAVY} if n in sys.modules]
print(json.dumps(found))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    assert set(found) == {"import", "--help", "build --help", "targets"}
    assert not any(found.values()), found


def test_the_word_build_may_be_left_out(net, capsys) -> None:
    assert cli.run([*net, "-q", "-o", "one"]) == 0
    assert cli.run(["build", *net, "-q", "-o", "two"]) == 0
    one, two = capsys.readouterr().out.splitlines()
    assert one.replace("one/", "two/") == two


def test_the_words_given_are_left_as_they_were(capsys) -> None:
    words = ["no.onnx", "--target", "cpu-server"]
    cli.run(words)
    assert words == ["no.onnx", "--target", "cpu-server"]


def test_a_build_prints_its_report_and_nothing_else_on_stdout(net, capfd) -> None:
    assert cli.run(net) == 0
    out, err = capfd.readouterr()
    assert out.startswith("net -> cpu-server fp32 (onnxruntime)\n")
    assert out.rstrip().splitlines()[-1].endswith("out/net-cpu-server-fp32")
    assert "\x1b" not in out
    assert err == ""


def test_a_build_as_json_is_one_document_even_for_the_libraries_below(net, capfd) -> None:
    assert cli.run([*net, "--json", "--budget", "size_mb=0.0001"]) == 1
    out, err = capfd.readouterr()
    document = json.loads(out)
    assert document["verdict"] == "failed"
    assert document["folder"] == "out/net-cpu-server-fp32"
    assert err == ""


def test_quiet_leaves_the_verdict_and_verbose_adds_the_stages(net, capfd, monkeypatch) -> None:
    made = pipeline.build("net.onnx", commands._options({"target": "cpu-server", "runs": 3,
                          "seconds": 0.5, "threads": 1}), lambda *_: None)  # fmt: skip

    def build(model, options, finish, watch):
        watch("captured")
        return made

    monkeypatch.setattr(pipeline, "build", build)
    assert cli.run([*net, "-q"]) == 0
    assert capfd.readouterr() == (f"{made.verdict.value}  out/net-cpu-server-fp32\n", "")
    cli.run([*net])
    usual = capfd.readouterr()
    assert usual.err == ""
    cli.run([*net, "-v"])
    told = capfd.readouterr()
    assert told.err == "captured\n"
    assert len(told.out.splitlines()) > len(usual.out.splitlines())


def test_colour_is_for_terminals_that_want_it(net) -> None:
    code = """
import os, pty, sys
pid, handle = pty.fork()
if pid == 0:
    from mcompile.talk import Talk
    from rich.text import Text
    Talk().console().print(Text("word", "bold red"))
    os._exit(0)
text = b""
try:
    while more := os.read(handle, 4096):
        text += more
except OSError:
    pass
os.waitpid(pid, 0)
sys.stdout.buffer.write(text)
"""

    def shown(**more: str) -> bytes:
        clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True,
                              env={**clean, "TERM": "xterm-256color", **more})  # fmt: skip
        return done.stdout

    assert b"\x1b[1;31m" in shown()
    assert b"31m" not in shown(NO_COLOR="1")


@pytest.mark.parametrize(
    ("words", "what", "fix"),
    [
        (["m.onnx", "--precison", "int8"], "--precison", "mcompile build --help"),
        (["targets", "--josn"], "--josn", "mcompile targets --help"),
        (["build"], "missing argument", "mcompile build --help"),
        (["compare"], "missing argument", "mcompile compare --help"),
        (["optimize", "m.onnx"], "missing option", "mcompile optimize --help"),
        (["m.onnx", "--runs", "none"], "--runs", "mcompile build --help"),
        (["m.onnx", "--samples", "0"], "--samples", "mcompile build --help"),
        (["m.onnx", "--percentile", "20"], "--percentile", "mcompile build --help"),
        (["m.onnx", "n.onnx", "--target", "cpu-server"], "n.onnx", "mcompile build --help"),
        (["m.onnx"], "no target was named", "--target NAME"),
    ],
)
def test_a_wrong_word_is_three_lines_and_exit_2(words, what, fix, capsys) -> None:
    assert cli.run(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    first, _, last = lines(err)
    assert what in first
    assert first[7].islower() or not first[7].isalpha()
    assert fix in last


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["m.onnx", "--no-such"], 2),
        (["m.onnx", "--target", "cpu-servr"], 2),
        (["no.onnx", "--target", "cpu-server"], 3),
        (["m.onnx", "--target", "cpu-server", "--precision", "int8"], 4),
        (["m.onnx", "--target", "cortex-m4"], 5),
        (["check", "nowhere"], 7),
        (["compare", "nowhere", "nowhere"], 7),
        (["explain", "nothing"], 2),
        (["targets", "nowhere"], 2),
        (["inspect", "nowhere.onnx"], 3),
        (["optimize", "nowhere.onnx", "-o", "o.onnx"], 3),
    ],
)
def test_an_error_as_json_is_one_document_with_the_exit_code(
    words, code, capfd, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run([*words, "--json"]) == code
    out, err = capfd.readouterr()
    error = json.loads(out)["error"]
    assert error["exit"] == code
    assert {"kind", "what", "where", "fix"} < set(error)
    assert err == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", CompileError.__subclasses__())
def test_every_kind_of_error_ends_with_its_own_code(kind, broken, capsys) -> None:
    broken(kind("it is so", where="there", fix="this"))
    assert cli.run(["m.onnx", "--target", "cpu-server"]) == kind.code
    assert lines(capsys.readouterr().err) == ["error: it is so", "  in   there", "  try  this"]


def test_what_nobody_foresaw_is_our_bug_and_asks_to_be_reported(broken, capsys) -> None:
    broken(ZeroDivisionError("by\nzero"))
    assert cli.run(["m.onnx", "--target", "cpu-server"]) == 70
    err = capsys.readouterr().err
    assert err.startswith("error: ZeroDivisionError: by\n")
    assert "report this model and command" in err
    assert "Traceback" not in err


def test_verbose_shows_the_cause(broken, capsys) -> None:
    broken(ZeroDivisionError("by zero"))
    assert cli.run(["m.onnx", "--target", "cpu-server", "-v"]) == 70
    assert "Traceback" in capsys.readouterr().err
    error = SourceError("it is so", where="there", fix="this")
    error.__cause__ = KeyError("deep down")
    broken(error)
    assert cli.run(["m.onnx", "--target", "cpu-server", "--verbose"]) == 3
    assert "KeyError: 'deep down'" in capsys.readouterr().err
    assert cli.run(["m.onnx", "--target", "cpu-server"]) == 3
    lines(capsys.readouterr().err)


@pytest.mark.parametrize("quiet", [False, True])
def test_an_interrupted_build_says_so_and_exits_130(broken, capsys, quiet) -> None:
    broken(KeyboardInterrupt())
    assert cli.run(["m.onnx", "--target", "cpu-server", *["--quiet"] * quiet]) == 130
    out, err = capsys.readouterr()
    assert out == ""
    # click ends the line that holds the terminal's ^C.
    assert err.lstrip("\n") == ("" if quiet else "interrupted: nothing was written\n")


def test_a_reader_that_went_away_is_no_error(broken, capsys) -> None:
    broken(BrokenPipeError())
    assert cli.run(["m.onnx", "--target", "cpu-server"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(os.name != "posix", reason="a shell makes the pipe")
@pytest.mark.parametrize(
    ("words", "code"), [("targets", 0), ("targets --json", 0), ("explain no-such-name", 2)]
)
@pytest.mark.parametrize("end", ["2>&1 | true", ">&-", ">&- 2>&-"])
def test_without_a_reader_the_exit_code_is_that_of_the_command(words, code, end) -> None:
    run = f"from mcompile.cli import main; main({words.split()!r})"
    shell = f'("$0" -c "$1"; echo $? >&3) {end}'
    done = subprocess.run(
        ["sh", "-c", f"exec 3>&1; {shell}", sys.executable, run],
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.stdout.decode() == f"{code}\n"
    if "2>" not in end:
        assert "Traceback" not in done.stderr.decode()
        assert "Exception ignored" not in done.stderr.decode()


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (["--backend", ""], "--backend"),
        (["--budget", ""], "--budget"),
        (["--input", ""], "--input"),
    ],
)
def test_an_empty_value_is_no_default(net, capsys, words, where) -> None:
    assert cli.run([*net, *words]) == 2
    assert where in lines(capsys.readouterr().err)[1]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_cancelled_build_leaves_nothing_behind(data, number, code) -> None:
    script = f"""
import os, signal, sys
from mcompile import claim, cli, pipeline
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
def build(source, options, finish, watch):
    with claim.claim(Path(options.out) / "net-cpu-server-fp32") as folder:
        (folder / "model.onnx").write_text("half")
        os.kill(os.getpid(), {int(number)})
        for _ in range(10**7):
            pass
        raise AssertionError("it went on")
pipeline.build = build
cli.main(["net.onnx", "--target", "cpu-server", "-o", {str(data / "out")!r}])
"""
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert done.returncode == code, done.stderr.decode()
    left = [p.name for p in (data / "out").iterdir()]
    assert [n for n in left if not n.endswith(".lock")] == []


def test_main_exits_with_the_code_of_the_command(monkeypatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["mcompile", "explain", "no-such-name"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 2
