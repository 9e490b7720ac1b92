# SPDX-License-Identifier: Apache-2.0
"""The tools that keep the house in order: each fault is put into a small tree, and must be seen."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from wire import wait_until

TOOLS = Path(__file__).resolve().parent.parent / "tools"
SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"


def load(name: str) -> ModuleType:
    """A tool as a module, though its file has no suffix."""
    loader = importlib.machinery.SourceFileLoader(f"tool_{name}", str(TOOLS / name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def leave_no_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    """tools/ stays as it is."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def tree(top: Path, files: dict[str, str]) -> Path:
    """A small source tree."""
    for name, text in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SPDX + text)
    return top


def run(tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """A tool's run."""
    return subprocess.run([TOOLS / tool, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)


# floors

GOOD_ROOMS = {
    "src/base/str.h": "#include <stddef.h>\n",
    "src/base/str.c": '#include "base/str.h"\n',
    "src/codec/h1.h": '#include "base/str.h"\n',
    "src/proxy/exchange.c": '#include "codec/h1.h"\n#include "proxy/exchange_private.h"\n',
    "src/proxy/exchange_private.h": "",
}

BAD_ROOMS = {
    "above": ({"src/base/bad.c": '#include "codec/h1.h"\n'},
              "src/base/bad.c:2: base (floor 0) includes codec (floor 1)"),
    "far above": ({"src/base/bad.c": '#include "proxy/exchange.h"\n', "src/proxy/exchange.h": ""}, "which is above it"),
    "same floor": ({"src/loop/bad.h": '#include "codec/h1.h"\n'}, "loop and codec are on one floor"),
    "policy and upstream": ({"src/policy/bad.c": '#include "upstream/pool.h"\n', "src/upstream/pool.h": ""},
                            "policy and upstream are on one floor"),
    "no room": ({"src/base/bad.c": '#include "str.h"\n'}, '"str.h" does not name its room'),
    "up and down": ({"src/base/bad.c": '#include "../base/str.h"\n'}, "is not there"),
    "missing": ({"src/base/bad.c": '#include "base/gone.h"\n'}, '"base/gone.h" is not there'),
    "private": ({"src/main/bad.c": '#include "proxy/exchange_private.h"\n'}, "is private to proxy"),
    "unknown room": ({"src/cellar/bad.c": ""}, "cellar is no room"),
    "no room at all": ({"src/bad.c": ""}, "src is no room"),
    "ring of two": ({"src/base/a.h": '#include "base/b.h"\n', "src/base/b.h": '#include "base/a.h"\n'},
                    "headers in a ring"),
    "ring of one": ({"src/base/a.h": '#include "base/a.h"\n'}, "headers in a ring: base/a.h -> base/a.h"),
    "indented": ({"src/base/bad.c": '# \tinclude "codec/h1.h"\n'}, "which is above it"),
    "after a comment": ({"src/base/bad.c": '/* two\n lines */ #include "x"\n#include "codec/h1.h"\n'},
                        "src/base/bad.c:4"),
    "in a unit test": ({"src/base/bad_test.c": '#include "codec/h1.h"\n'}, "which is above it"),
}


def test_floors_accepts_the_order(tmp_path: Path) -> None:
    done = run("floors", tree(tmp_path, GOOD_ROOMS))
    assert (done.returncode, done.stdout) == (0, "floors: 3 rooms, 0 violations\n")


@pytest.mark.parametrize("files, words", BAD_ROOMS.values(), ids=BAD_ROOMS)
def test_floors_sees(tmp_path: Path, files: dict[str, str], words: str) -> None:
    done = run("floors", tree(tmp_path, {**GOOD_ROOMS, **files}))
    assert done.returncode == 1
    assert words in done.stdout


def test_floors_reads_no_comments(tmp_path: Path) -> None:
    files = {**GOOD_ROOMS, "src/base/fine.c": '/*\n#include "codec/h1.h"\n*/\n'}
    assert run("floors", tree(tmp_path, files)).returncode == 0


def test_floors_names_a_ring_once(tmp_path: Path) -> None:
    ring = {f"src/base/{a}.h": f'#include "base/{b}.h"\n' for a, b in ("ab", "bc", "ca")}
    done = run("floors", tree(tmp_path, {**ring, "src/base/d.c": '#include "base/c.h"\n'}))
    assert done.stdout.count("ring") == 1


# budget

COMMENT = "/*\n * why\n */\n"
GOOD_CODE = COMMENT + """
static int add(int a, int b)
{
	return a + b;
}

static const char *const names[] = { "if (a && b) { /* not code */ }", "\\"" };

const char *
name_of(int i)
{
	if (i)
		return "x";
	return names[add(i, 0)];
}
"""


def function(lines: int) -> str:
    """A function with that many lines from its name to its last brace."""
    return "void long_one(void)\n{\n" + "\tcall();\n" * (lines - 3) + "}\n"


def code_tree(top: Path, files: dict[str, str]) -> Path:
    """The good code, enough tests for everything, and these files."""
    total = sum(text.count("\n") + 1 for text in files.values()) + 100
    return tree(top, {"src/base/good.c": GOOD_CODE, "tests/test_x.py": "# line\n" * total, **files})


def branches(count: int) -> str:
    """A function of that complexity."""
    return COMMENT + "int many(int a)\n{\n" + "\tif (a)\n\t\ta++;\n" * (count - 1) + "\treturn a;\n}\n"


BAD_CODE = {
    "a function of 101 lines": ({"src/base/bad.c": function(101)}, "src/base/bad.c:2: long_one: 101 lines"),
    "a long function in a test": ({"src/base/bad_test.c": function(101)}, "long_one: 101 lines"),
    "a median over 12": ({f"src/base/f{i}.c": COMMENT * 2 + function(14) for i in range(4)}, "functions, median lines"),
    "complexity of 16": ({"src/base/bad.c": branches(16)}, "many: 34 lines, complexity 16"),
    "a file of 1,001 lines": ({"src/base/bad.h": "extern int x;\n" * 1000}, "src/base/bad.h: 1001 lines"),
    "too few comments": ({"src/base/bad.h": "extern int x;\n" * 100}, "comments, % of lines"),
    "too many comments": ({"src/base/bad.h": COMMENT * 20}, "comments, % of lines"),
    "too few tests": ({"tests/test_x.py": "# line\n"}, "lines of tests"),
    "strcpy": ({"src/base/bad.c": COMMENT + "void f(void)\n{\n\tstrcpy (a, b);\n}\n"}, "strcpy (...) has no bound"),
    "strtol in a test": ({"src/base/bad_test.c": "void f(void)\n{\n\tstrtol(a);\n}\n"}, "strtol(...) has no bound"),
}


def test_budget_accepts_small_code(tmp_path: Path) -> None:
    done = run("budget", "--top", code_tree(tmp_path, {}))
    assert done.returncode == 0, done.stdout
    assert "budget: 2 functions in 1 files, 0 over" in done.stdout


@pytest.mark.parametrize("files, words", BAD_CODE.values(), ids=BAD_CODE)
def test_budget_sees(tmp_path: Path, files: dict[str, str], words: str) -> None:
    done = run("budget", "--top", code_tree(tmp_path, files))
    assert done.returncode == 1
    assert any(words in line for line in done.stdout.splitlines() if "over budget" in line), done.stdout


@pytest.mark.parametrize("files", [
    {f"src/base/short{i}.c": function(5) for i in range(20)} | {"src/base/fine.c": COMMENT * 6 + function(100)},
    {"src/base/fine.c": branches(15)},
    {"src/base/fine.c": COMMENT + "/* strcpy(a) */\nvoid my_strcpy(void)\n{\n\tputs(\"strcpy(a)\");\n" + "\tf();\n" * 5 + "}\n"},
])
def test_budget_accepts_the_limits(tmp_path: Path, files: dict[str, str]) -> None:
    done = run("budget", "--top", code_tree(tmp_path, files))
    offences = [line for line in done.stdout.splitlines() if "over budget" in line and "% of lines" not in line]
    assert not offences


def test_budget_finds_functions_and_their_names(tmp_path: Path) -> None:
    budget = load("budget")
    path = tree(tmp_path, {"src/base/good.c": GOOD_CODE}) / "src/base/good.c"
    file = budget.read_file(tmp_path, path)
    found = [(f.name, f.line, f.lines, f.complexity) for f in file.functions]
    assert found == [("add", 6, 4, 1), ("name_of", 13, 7, 2)]
    assert file.comment_lines == 4


def test_budget_counts_comments_beside_code() -> None:
    text = 'int a; /* one */\nchar *b = "/* none */";\n/* two\n three */ int c;\n// four\nint d = \'"\'; /* five */\n'
    assert load("budget").count_comment_lines(text) == 5


@pytest.mark.parametrize("declaration, symbol", [
    ("int counter;", "counter"),
    ("static int counter = 1; int *f(void) { return &counter; }", "counter"),
    ("int *f(void) { static int inside; return &inside; }", "inside.0"),
    ("_Thread_local int mine;", "mine"),
    ("__thread int mine = 1;", "mine"),
    ("const char *names[] = { \"a\" };", "names"),
    ("int common __attribute__((common));", "common"),
])
def test_budget_sees_mutable_globals(tmp_path: Path, declaration: str, symbol: str) -> None:
    assert [words.split()[1] for words in globals_of(tmp_path, declaration)] == [symbol]


@pytest.mark.parametrize("declaration", [
    "const int limit = 1;",
    "const char *const names[] = { \"a\", \"b\" };",
    "extern int elsewhere; int *f(void) { return &elsewhere; }",
    "static const struct { const char *a; void (*f)(void); } r[] = { { \"a\", 0 } }; const void *f(void) { return r; }",
])
def test_budget_accepts_constants(tmp_path: Path, declaration: str) -> None:
    assert globals_of(tmp_path, declaration) == []


def globals_of(top: Path, declaration: str) -> list[str]:
    """What budget says of an object made from this."""
    folder = top / "libgatehouse_core.a.p"
    folder.mkdir()
    source = top / "x.c"
    source.write_text(f"{declaration}\nvoid code(void) {{}}\n")
    subprocess.run(["gcc", "-fPIE", "-O1", "-c", source, "-o", folder / "x.o"], check=True)
    return list(load("budget").find_globals(top))


def test_budget_does_not_take_nothing_for_good(tmp_path: Path) -> None:
    assert load("budget").find_globals(tmp_path)


# test


CMOCKA = """[==========] Running 3 test(s).
[ RUN      ] one
[       OK ] one
[ RUN      ] two
[  ERROR   ] --- 1 != 2
[  FAILED  ] two
[ RUN      ] three
[       OK ] three
[==========] 3 test(s) run.
[  PASSED  ] 2 test(s).
[  FAILED  ] 1 test(s), listed below:
[  FAILED  ] two
"""


@pytest.mark.parametrize("output, code, passed, failed", [
    (CMOCKA, 1, 2, ["x: two"]),
    ("[       OK ] one\n", 0, 1, []),
    ("[       OK ] one\n[ RUN      ] two\n", 99, 1, ["x: exit code 99"]),
    ("", -11, 0, ["x: exit code -11"]),
    ("", 0, 0, ["x: ran no test"]),
], ids=["one fails", "all pass", "report at exit", "crash", "empty"])
def test_units_are_counted(output: str, code: int, passed: int, failed: list[str]) -> None:
    tally = load("test").tally_cmocka("x", output, code)
    assert (tally.passed, tally.failed) == (passed, failed)


def test_pytests_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    path.write_text('<testsuites><testsuite><testcase classname="m" name="a"/>'
                    '<testcase classname="m" name="b"><failure/></testcase>'
                    '<testcase classname="m" name="c"><error/></testcase>'
                    '<testcase classname="m" name="d"><skipped/></testcase></testsuite></testsuites>')
    tally = load("test").tally_junit(path)
    assert (tally.passed, tally.failed, tally.skipped) == (1, ["m::b", "m::c"], ["m::d"])


def test_pytest_that_did_not_end_is_a_failure(tmp_path: Path) -> None:
    assert load("test").tally_junit(tmp_path / "none.xml").failed


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """tools/test with its logs somewhere else."""
    module = load("test")
    monkeypatch.setattr(module, "TOP", tmp_path)
    monkeypatch.setattr(module, "LOGS", tmp_path / "logs")
    return module


def test_a_failed_step_does_not_end_the_others(runner: ModuleType, monkeypatch: pytest.MonkeyPatch,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    def good(log: object) -> object:
        return runner.Tally(passed=3)

    def bad(log: object) -> object:
        return runner.check("the bad one", runner.run(log, "sh", "-c", "echo the reason; exit 3") == 0)

    def broken(log: object) -> object:
        raise OSError("no such compiler")

    monkeypatch.setattr(runner, "STEPS", [bad, broken, good])
    monkeypatch.setattr(sys, "argv", ["test"])
    assert runner.main() == 1
    output = capsys.readouterr().out
    assert "the reason" in output and "no such compiler" in output
    assert output.splitlines()[-1] == "3 passed, 2 failed"


def test_nothing_run_is_a_failure(runner: ModuleType, monkeypatch: pytest.MonkeyPatch,
                                  capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(runner, "STEPS", [lambda log: runner.Tally()])
    monkeypatch.setattr(runner.STEPS[0], "__name__", "nothing", raising=False)
    monkeypatch.setattr(sys, "argv", ["test"])
    assert runner.main() == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 0 failed"


def test_a_hanging_command_is_ended_with_all_it_started(runner: ModuleType, tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log:
        assert runner.run(log, "sh", "-c", "sleep 1000 & echo $! > pid; wait", seconds=1) == 124
    child = int((tmp_path / "pid").read_text())
    state = Path(f"/proc/{child}/stat")

    def has_ended() -> bool:
        try:
            return state.read_text().split()[2] in "ZX"
        except OSError:
            return True
    wait_until(has_ended, "the end of what the command had started")


# deps


def deps(path: Path, *groups: str) -> subprocess.CompletedProcess[str]:
    """tools/deps where only the programs under that folder exist."""
    return subprocess.run(["/bin/bash", TOOLS / "deps", *groups], env={"PATH": str(path)}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A PATH with little more than what every system has."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("id", "sort", "bash", "sh"):
        program = shutil.which(name)
        assert program
        (folder / name).symlink_to(program)
    return folder


def test_deps_is_silent_when_nothing_is_missing() -> None:
    done = run("deps", "test")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_deps_says_what_to_do_where_there_is_no_apt(bare: Path) -> None:
    done = deps(bare)
    assert done.returncode == 1
    assert "not Debian" in done.stderr and "meson" in done.stderr and "libfyaml-dev" in done.stderr


def test_deps_says_what_to_do_without_root(bare: Path) -> None:
    (bare / "apt-get").symlink_to("/bin/false")
    (bare / "id").unlink()
    (bare / "id").write_text("#!/bin/sh\necho 1000\n")
    (bare / "id").chmod(0o755)
    done = deps(bare)
    assert done.returncode == 1
    assert "not root" in done.stderr and "sudo apt-get install" in done.stderr


def test_deps_refuses_unknown_groups() -> None:
    done = run("deps", "cellar")
    assert done.returncode == 2 and "usage" in done.stderr


def test_tools_are_executable() -> None:
    assert all(os.access(TOOLS / name, os.X_OK) for name in ("deps", "floors", "budget", "test"))
