"""`python -m tests.bench`: measure jobrunner against what somebody would write by hand, in the same run."""

from __future__ import annotations

import argparse
import compileall
import importlib.util
import json
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.bench import fires, fleet, history, logs, report, runs, schedules, startup
from tests.bench.measure import BenchError
from tests.bench.plan import plan

BENCHES: Final = {
    "startup": startup.measure,
    "next": fires.measure,
    "run": runs.measure,
    "logs": logs.measure,
    "fleet": fleet.measure,
    "schedules": schedules.measure,
    "history": history.measure,
}
#: An installer may leave packages uncompiled, and a start then pays for it; nobody's figure shall hold that.
_COMPILED: Final = (
    "jobrunner", "boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "click", "yaml", "croniter",
    "pydantic", "pydantic_settings", "pydantic_core", "typing_inspection", "annotated_types", "dotenv",
)  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run the benches; the exit code."""
    options = _parser().parse_args(arguments)
    _compile()
    command = shlex.join(["python", "-m", "tests.bench", *(sys.argv[1:] if arguments is None else arguments)])
    about = {"command": command, **report.machine()}
    _say("\n".join(f"{name:<9}{value}" for name, value in about.items()) + "\n")
    rounds = plan(quick=options.quick, runs=options.runs)
    results = []
    try:
        for name in options.only or BENCHES:
            with tempfile.TemporaryDirectory(prefix=f"jobrunner-bench-{name}-") as directory:
                for result in BENCHES[name](rounds, Path(directory).resolve()):
                    _say(report.render(result))
                    results.append(result.document())
    except BenchError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    if options.json:
        options.json.write_text(json.dumps({**about, "results": results}, indent=1) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", choices=sorted(BENCHES), action="append", help="may be given several times")
    parser.add_argument("--runs", type=_rounds, metavar="N", help="rounds of every bench")
    parser.add_argument("--quick", action="store_true", help="few rounds, and no log of a million lines")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there")
    return parser


def _rounds(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of rounds")
    return int(text)


def _compile() -> None:
    for name in _COMPILED:
        spec = importlib.util.find_spec(name)
        for folder in (spec and spec.submodule_search_locations) or ():
            compileall.compile_dir(folder, quiet=2)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
