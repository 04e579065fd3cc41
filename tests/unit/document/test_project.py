"""A project is read whole: every problem of every file at once, or all of its jobs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import job_documents, only_spec_errors

from jobrunner.core.spec import job_spec
from jobrunner.document import Project, find_project, load_job_text, load_project
from jobrunner.document.project import MAX_LISTED, unknown_job
from jobrunner.errors import SpecError, UnknownJobError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, which is the current directory."""
    monkeypatch.chdir(tmp_path)
    Path("jobs").mkdir()
    return tmp_path


def write(**files: str) -> None:
    """Write files of jobs, and the project file, by their stems."""
    for stem, text in files.items():
        Path("jobrunner.yaml" if stem == "jobrunner" else f"jobs/{stem}.yaml").write_text(text)


def load(*jobs: str) -> Project:
    """The project of the current directory, with all jobs or these."""
    return load_project(Path(), environ={}, jobs=jobs or None)


def problems(*jobs: str) -> list[str]:
    """What is wrong with the project of the current directory."""
    with pytest.raises(SpecError) as caught:
        load(*jobs)
    return [str(problem) for problem in caught.value.problems]


def test_jobs() -> None:
    """A job is named by its file, or names itself; a file may hold several; hidden files are no jobs."""
    write(a="image: a:1\n", b="name: bee\nimage: b:1\n", c="name: c1\nimage: c:1\n---\n---\nname: c2\nimage: c:2\n")
    Path("jobs/d.yml").write_text("image: d:1")
    Path("jobs/.e.yaml").write_text("not read: [")
    Path("jobs/notes.txt").write_text("not read: [")
    project = load()
    assert ["a", "bee", "c1", "c2", "d"] == list(project.jobs)
    assert "jobs/c.yaml:5:7" == project.sources["c2"]
    assert ["a:1", "c:2"] == [project.jobs[name].image for name in ("a", "c2")]


def test_the_example() -> None:
    """The job that the product's description shows is valid."""
    write(
        nightly="""\
image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/etl:1.4.2
command: [python, -m, etl]
cpu: 1 vCPU            # 256 … 32768 units, or vCPU; illegal pairs name the nearest legal one
memory: 4 GB
architecture: arm64    # x86_64 | arm64
capacity: spot         # on-demand | spot | spot-then-on-demand
environment: {LOG_LEVEL: info}
secrets: {DATABASE_URL: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:etl-AbCdEf:url::"}
schedule:
  cron: "30 2 * * *"
  timezone: Europe/London
timeout: 2h
retries: {attempts: 3, backoff: 30s, on: [infrastructure, 75]}
overlap: forbid
"""
    )
    job = load().jobs["nightly"]
    assert (1024, 4096, 7200, ("infrastructure", 75)) == (
        job.cpu,
        job.memory,
        job.timeout,
        job.retries and job.retries.on,
    )


def test_all_problems_at_once() -> None:
    """Every problem of every file comes out in one go: files in order, lines from top to bottom."""
    write(
        jobrunner="regoin: eu-west-1\nlog_retention: 31\ndefaults: {comand: x, cpu: 7}\n",
        a="imag: a:1\ncpu: 1 vCPU\nmemory: 1 GB\ncommand: [a, {x: y}]\nsidecars: {db: {imagee: x}}\nimag: b\n",
        b="\timage: x\n",
        c="",
        d="- image: x\n",
        e="just text",
    )
    Path("jobs/f.yaml").mkdir()
    legal = "legal: 0.25 vCPU, 0.5 vCPU, 1 vCPU, 2 vCPU, 4 vCPU, 8 vCPU, 16 vCPU and 32 vCPU"
    days = "1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 and 3653"
    assert [
        "jobrunner.yaml:1:1: unknown key 'regoin'; did you mean 'region'?",
        f"jobrunner.yaml:2:16: CloudWatch Logs cannot keep logs for 31 days; nearest: 30 (legal: {days})",
        "jobrunner.yaml:3:12: unknown key 'comand'; did you mean 'command'?",
        f"jobrunner.yaml:3:28: cpu 7 is not a Fargate size; nearest: 0.25 vCPU ({legal})",
        "jobs/a.yaml:1:1: unknown key 'imag'; did you mean 'image'?",
        (
            "jobs/a.yaml:3:9: cpu 1 vCPU with memory 1 GB is not a Fargate size; nearest legal: 1 vCPU with 2 GB "
            "(cpu: 1 vCPU allows 2 to 8 GB in steps of 1 GB)"
        ),
        (
            "jobs/a.yaml:4:14: an entry of command must be text, not a mapping; "
            "quote a text that contains ': ' or starts with '{'"
        ),
        "jobs/a.yaml:5:16: image is missing",
        "jobs/a.yaml:5:17: unknown key 'imagee'; did you mean 'image'?",
        "jobs/a.yaml:6:1: duplicate key 'imag'; first at line 1, column 1",
        "jobs/b.yaml:1:1: a tab cannot indent YAML; use spaces",
        "jobs/c.yaml: the file is empty; a job needs at least an image",
        "jobs/d.yaml:1:1: a job is a mapping (key: value), not a list",
        "jobs/e.yaml:1:1: a job is a mapping (key: value), not the text 'just text'",
        "jobs/f.yaml: cannot be read: it is a directory, not a file",
    ] == problems()


def test_names() -> None:
    """Names are unique, in the project and in a file; several documents in a file all need one."""
    write(
        a="name: x\nimage: a\n",
        b="name: x\nimage: b\n",
        c="image: c\n---\nname: y\nimage: c\n",
        d="name: [z]\nimage: d",
    )
    write(**{"e f": "image: e"})
    Path("jobs/a.yml").write_text("image: a")
    naming = (
        "is not a job's name: a letter or digit, then up to 63 letters, digits, - and _ (it becomes part of the "
        "names of the task definition, the log streams and the schedules)"
    )
    assert [
        "jobs/b.yaml:1:7: duplicate job name 'x'; first in jobs/a.yaml:1:7",
        "jobs/c.yaml:1:1: a job in a file of several documents needs a name; the file's stem names only one",
        "jobs/d.yaml:1:7: name must be text, not a list; quote a text that starts with '['",
        f"jobs/e f.yaml:1:1: 'e f' {naming}",
    ] == problems()


def test_some_jobs() -> None:
    """Only the named jobs are validated; another job's problem, or a second name, does not matter."""
    write(a="image: a\n", b="imagee: b\n", c="name: a2\nimage: c\n", d="name: a\nimage: d\n", e="oops: [")
    assert (["a"], ["a2"]) == (list(load("a").jobs), list(load("a2").jobs))
    assert "jobs/a.yaml:1:1" == load("a", "a").sources["a"]
    assert ["jobs/b.yaml:1:1: unknown key 'imagee'; did you mean 'image'?"] == problems("b")


def test_the_file_of_the_name_may_be_broken() -> None:
    """A file that bears the job's name and cannot be read is the answer, not a missing job."""
    write(a="image: [\n")
    assert 1 == len(problems("a"))


def test_the_file_of_the_name_may_hold_another_job() -> None:
    """A file's stem is only a hint."""
    write(a="name: b\nimage: x\n", b="name: a\nimage: y\n")
    assert "y" == load("a").jobs["a"].image


def test_unknown_jobs() -> None:
    """A job that does not exist is named, with what was probably meant and what there is."""
    write(nightly="image: a\n", weekly="image: b\n")
    with pytest.raises(UnknownJobError) as caught:
        load("nightyl")
    assert "there is no job 'nightyl'; did you mean 'nightly'?\n  Jobs: nightly, weekly" == str(caught.value)
    assert str(caught.value) == str(unknown_job("nightyl", Path("jobs")))
    with pytest.raises(UnknownJobError):
        load("../jobrunner")


def test_no_jobs() -> None:
    """A project without jobs is valid; asking for one says how to make it."""
    assert {} == load().jobs
    Path("jobs").rmdir()
    assert {} == load().jobs
    with pytest.raises(UnknownJobError) as caught:
        load("hello")
    assert "there is no job 'hello'\n  There are no jobs in jobs; `jobrunner init` writes a first one." == str(
        caught.value
    )


def test_many_names_are_cut() -> None:
    """A thousand names do not fill the screen."""
    error = unknown_job("zzz", Path("jobs"), [f"job-{n:04}" for n in range(1000)])
    assert MAX_LISTED + 1 == len((error.hint or "").split(","))


def test_the_jobs_directory() -> None:
    """`jobs` names another directory, which must be one."""
    write(jobrunner="jobs: work\n")
    assert ["jobrunner.yaml:1:1: there is no directory work"] == problems()
    assert ["jobrunner.yaml:1:1: there is no directory work"] == problems("a")
    Path("work").write_text("")
    assert ["jobrunner.yaml:1:1: the jobs in work cannot be read: not a directory"] == problems()
    Path("work").unlink()
    Path("work").mkdir()
    assert {} == load().jobs
    write(jobrunner="region: eu-west-1")
    Path("jobs").rmdir()
    Path("jobs").write_text("")
    assert ["jobs: the jobs in jobs cannot be read: not a directory"] == problems()


def test_defaults() -> None:
    """Defaults lie under every job; a stage's over the project's; null takes one away again."""
    write(
        jobrunner="""\
defaults: {memory: 1 GB, environment: {A: "1", B: "1"}, command: [x, y], params: {p: v}}
stages: {prod: {defaults: {environment: {B: "2"}}}}
""",
        a="image: a\nenvironment: {C: '3'}\ncommand: [z]\n",
        b="image: b\nmemory: ~\n",
    )
    jobs = load_project(Path(), environ={}, stage="prod").jobs
    assert ({"A": "1", "B": "2", "C": "3"}, ("z",), 1024) == (
        jobs["a"].environment,
        jobs["a"].command,
        jobs["a"].memory,
    )
    assert (512, ("x", "y")) == (jobs["b"].memory, jobs["b"].command)


def test_defaults_of_another_kind_of_job() -> None:
    """What an existing task definition cannot take is no default for a job that runs one, and the other way round."""
    write(
        jobrunner="defaults: {image: base, architecture: arm64, cpu: 1 vCPU}",
        a="task_definition: etl:7\n",
        b="command: [x]\n",
    )
    jobs = load().jobs
    assert ("etl:7", None, 1024, "base") == (
        jobs["a"].task_definition,
        jobs["a"].image,
        jobs["a"].cpu,
        jobs["b"].image,
    )
    write(jobrunner="defaults: {task_definition: etl, container: app}", a="image: x", b="")
    Path("jobs/b.yaml").write_text("command: [x]")
    jobs = load().jobs
    assert (None, "etl") == (jobs["a"].task_definition, jobs["b"].task_definition)


def test_problems_of_defaults() -> None:
    """A default that is wrong is told once; one that does not fit a job is told at the job."""
    write(
        jobrunner="""\
defaults:
  memory: 1 GB
  timeut: 1
  name: x
stages:
  prod: {defaults: {timeout: soon}}
  odd: {defaults: [x]}
""",
        a="image: a\n",
        b="image: b\ncpu: 1 vCPU\n",
    )
    size = (
        "cpu 1 vCPU with memory 1 GB is not a Fargate size; nearest legal: 1 vCPU with 2 GB "
        "(cpu: 1 vCPU allows 2 to 8 GB in steps of 1 GB)"
    )
    assert [
        "jobrunner.yaml:3:3: unknown key 'timeut'; did you mean 'timeout'?",
        "jobrunner.yaml:4:3: name cannot be a default: each job has its own",
        (
            "jobrunner.yaml:6:30: 'soon' is not a duration; write for instance 30s, 90m, 2h, 1h30m, 1d, "
            "or a plain number of seconds"
        ),
        "jobrunner.yaml:7:19: defaults must be a mapping (key: value), not a list",
        f"jobs/b.yaml:1:1: {size} (from the defaults, jobrunner.yaml:2:11)",
    ] == problems()


def test_finding_the_project(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The given directory; else the nearest upward with a project file; else where we are."""
    write(jobrunner="")
    (here / "a" / "b").mkdir(parents=True)
    assert here == find_project(here / "a" / "b")
    assert (Path("a"), Path("a").parent) == (find_project(given=Path("a")), find_project(given=Path("jobrunner.yaml")))
    with pytest.raises(SpecError, match=r"^gone: there is no such directory$"):
        find_project(given=Path("gone"))
    Path("jobrunner.yaml").unlink()
    assert Path() == find_project()
    monkeypatch.chdir(here / "a" / "b")
    (here / "a" / "b").rmdir()
    with pytest.raises(SpecError, match="the current directory does not exist any more"):
        find_project()


def test_text_of_one_job() -> None:
    """One job from a text, for callers without a project."""
    assert ("x", "a:1") == ((job := load_job_text(b"image: a:1", name="x")).name, job.image)
    assert "y" == load_job_text("{name: y, image: a}", name="x").name
    assert "y" == load_job_text("{name: y, image: a}").name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image: a", "<job>: the job needs a name"),
        ("", "<job>: one job is expected; this has none"),
        ("name: a\nimage: a\n---\nname: b\nimage: b", "<job>: one job is expected; this has 2"),
        ("[", "<job>:2:1: this is not YAML: did not find expected node content, while parsing a flow node"),
        ("text", "<job>:1:1: a job is a mapping (key: value), not the text 'text'"),
        (b"\xff", "<job>:1:1: byte 0xff at offset 0 is not UTF-8; save the file as UTF-8"),
    ],
)
def test_text_of_no_job(text: str | bytes, message: str) -> None:
    """Each thing that is not one job is said as it is."""
    with pytest.raises(SpecError) as caught:
        load_job_text(text)
    assert message == str(caught.value.problems[0])[: len(message)]
    assert 1 == len(caught.value.problems)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], max_examples=60)
@given(job_documents(), st.sampled_from(["flow", "block"]))
def test_round_trip(document: dict[str, object], style: str) -> None:
    """What PyYAML writes of a valid job reads back as the same job as from Python."""
    text = yaml.safe_dump(document, default_flow_style=style == "flow")
    assert job_spec(**document) == load_job_text(text)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], max_examples=100)
@given(job_documents(), st.data())
def test_damaged_documents(document: dict[str, object], data: st.DataObject) -> None:
    """A valid document with a piece of it replaced gives a job or problems, and nothing else."""
    text = yaml.safe_dump(document, allow_unicode=True)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 10)))
    piece = data.draw(st.text(alphabet="ab: \n\t-{}[]&*!'\"~0,", max_size=6))
    with only_spec_errors():
        load_job_text(text[:start] + piece + text[end:], name="x")


def test_a_thousand_jobs_load_in_a_moment() -> None:
    """`validate` of a large project takes a second or less; the bound here is for a slow machine."""
    for number in range(1000):
        write(**{f"job-{number}": f"image: a:{number}\nschedule: {{cron: '30 2 * * *', timezone: Europe/London}}\n"})
    began = time.process_time()
    assert 1000 == len(load().jobs)
    assert 5 > time.process_time() - began


def test_nothing_slow_is_imported() -> None:
    """Reading a project imports neither boto3, nor croniter, nor, without a variable, pydantic-settings."""
    write(jobrunner="region: eu-west-1", a="image: a\nschedule: {cron: '@daily'}")
    code = (
        "import sys; from pathlib import Path; from jobrunner.document import load_project; "
        "load_project(Path(), environ={}); "
        "slow = {'boto3', 'botocore', 'croniter', 'pydantic_settings', 'asyncio'}; "
        "print(sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]\n" == done.stdout


def test_a_listing_that_fails(here: Path) -> None:
    """A directory that cannot be listed is a problem, not a project without jobs."""
    write(jobrunner=f"jobs: {'x' * 300}")
    assert [f"jobrunner.yaml:1:1: the jobs in {'x' * 300} cannot be read: file name too long"] == problems()
    assert here == Path.cwd()


def test_names_of_files_that_cannot_be_printed() -> None:
    """A file name of any bytes is shown in a way that every terminal can take."""
    Path(os.fsdecode(b"jobs/\xff\x1b[31m.yaml")).write_text("imag: x")
    assert "jobs/\\udcff\\x1b[31m.yaml:1:1: unknown key 'imag'; did you mean 'image'?" in problems()
    with pytest.raises(UnknownJobError) as caught:
        load("other")
    assert "Jobs: \\udcff\\x1b[31m" == caught.value.hint
