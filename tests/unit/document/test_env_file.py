"""Docker's env files."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobrunner.document import load_job_text, read_env_file
from jobrunner.errors import SpecError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current directory: relative paths of `env_file` start there."""
    monkeypatch.chdir(tmp_path)


def test_syntax() -> None:
    """Nothing is unquoted; comments and empty lines are skipped; a name alone takes this process's value."""
    Path("x.env").write_text("# comment\n\nA=1\n  B='two words' # no comment\r\nC=\nHERE\nGONE\nA=a=b\n")
    assert {"A": "a=b", "B": "'two words' # no comment", "C": "", "HERE": "yes"} == read_env_file(
        Path("x.env"), {"HERE": "yes"}
    )


def test_every_bad_line() -> None:
    """Each bad line is named; a line without '=' is not repeated: it may be a secret."""
    Path("x.env").write_text("A B=1\nhunter2 is my password\n=x\n")
    with pytest.raises(SpecError) as caught:
        read_env_file(Path("x.env"), {})
    assert [
        "x.env:1:1: 'A B' cannot be the name of an environment variable: no spaces, no '='",
        "x.env:2:1: this line is not NAME=VALUE",
        "x.env:3:1: '' cannot be the name of an environment variable: no spaces, no '='",
    ] == [str(problem) for problem in caught.value.problems]


def test_under_the_environment() -> None:
    """Files go under `environment`, later files over earlier ones; their text is no parameter; ARNs stay."""
    Path("a.env").write_text("A=a\nB=a\nC=a\n")
    Path("b.env").write_text("B=b\nC=${{ params.x }}\n")
    text = "image: x\nenv_file: [a.env, b.env, 'arn:aws:s3:::bucket/x.env']\nenvironment: {A: mine}\n"
    job = load_job_text(text, name="x")
    assert {"A": "mine", "B": "b", "C": "$${{ params.x }}"} == job.environment
    assert ("arn:aws:s3:::bucket/x.env",) == job.env_file


def test_a_single_file_and_no_environment() -> None:
    """One file needs no list, and `environment` may be absent or empty."""
    Path("a.env").write_text("A=a\n")
    for more in ("", "environment:\n"):
        assert {"A": "a"} == load_job_text(f"image: x\nenv_file: a.env\n{more}", name="x").environment


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("env_file: gone.env", ["j:2:11: env_file gone.env: cannot be read: no such file or directory"]),
        ("env_file: bad.env", ["bad.env:1:1: 'A B' cannot be the name of an environment variable: no spaces, no '='"]),
        ("env_file: {a: b}", ["j:2:11: env_file must be a list, not a mapping"]),
        (
            "env_file: [[a]]",
            ["j:2:12: an entry of env_file must be text, not a list; quote a text that starts with '['"],
        ),
        ("env_file: [a, b, c, d, e, f, g, h, i, j, k]", ["j:2:11: env_file has 11 entries; at most 10 are allowed"]),
        (
            "env_file: ok.env\nsecrets: {A: /a}",
            ["j:3:14: 'A' stands both in environment and in secrets; ECS refuses that"],
        ),
        (
            "env_file: ok.env\nenvironment: text",
            ["j:3:14: environment must be a mapping (key: value), not the text 'text'"],
        ),
    ],
)
def test_refused(text: str, messages: list[str]) -> None:
    """A problem of a whole file belongs to the line that names the file; others are where they are."""
    Path("bad.env").write_text("A B=1\n")
    Path("ok.env").write_text("A=a\n")
    with pytest.raises(SpecError) as caught:
        load_job_text(f"image: x\n{text}\n", name="x", file="j")
    assert messages == [str(problem) for problem in caught.value.problems]
