"""Fargate's task sizes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.core import sizes

GB = 1024
UNITS = "a number without a unit counts 1024 for a vCPU"
LEGAL = "legal: 0.25 vCPU, 0.5 vCPU, 1 vCPU, 2 vCPU, 4 vCPU, 8 vCPU, 16 vCPU and 32 vCPU"


@pytest.mark.parametrize(
    ("written", "units"),
    [("256", 256), ("0.25 vCPU", 256), (".25 vcpu", 256), ("1vCPU", 1024), ("32 vCPUs", 32768), (2048, 2048)],
)
def test_cpu_spellings(written: object, units: int) -> None:
    """Units, or vCPU of 1024 units."""
    assert units == sizes.parse_cpu(written)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            "1",
            f"cpu 1 is not a Fargate size; did you mean 1 vCPU? ({UNITS}; {LEGAL})",
        ),
        (
            "0.5",
            f"cpu 0.5 is not a Fargate size; did you mean 0.5 vCPU? ({UNITS}; {LEGAL})",
        ),
        ("300", f"cpu 300 is not a Fargate size; nearest: 0.5 vCPU ({LEGAL})"),
        ("3 vCPU", f"cpu 3 vCPU is not a Fargate size; nearest: 4 vCPU ({LEGAL})"),
        ("64 vCPU", f"cpu 64 vCPU is not a Fargate size; nearest: 32 vCPU ({LEGAL})"),
        (300, f"cpu 300 is not a Fargate size; nearest: 0.5 vCPU ({LEGAL})"),
        ("500m", "'500m' is not an amount of cpu; write for instance 1 vCPU or 1024"),
        (True, "True is not an amount of cpu; write for instance 1 vCPU or 1024"),
        (-1, "-1 is not an amount of cpu; write for instance 1 vCPU or 1024"),
        ("1" * 13, f"{'1' * 13!r} is not an amount of cpu; write for instance 1 vCPU or 1024"),
    ],
)
def test_cpu_refused(written: object, message: str) -> None:
    """The message names what was found and the nearest legal size."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        sizes.parse_cpu(written)


@pytest.mark.parametrize(("written", "units"), [("1", 1), ("0.125 vCPU", 128), (100, 100), ("32 vCPU", 32768)])
def test_cpu_of_a_container(written: object, units: int) -> None:
    """A container may have any whole number of units."""
    assert units == sizes.parse_container_cpu(written)


@pytest.mark.parametrize("written", ["0", "0.5", "33 vCPU"])
def test_cpu_of_a_container_refused(written: str) -> None:
    """But neither nothing, nor half a unit, nor more than the largest task."""
    with pytest.raises(ValueError, match="is not a whole number of units from 1 to 32768"):
        sizes.parse_container_cpu(written)


@pytest.mark.parametrize(
    ("written", "mib"),
    [
        ("512", 512),
        ("4 GB", 4096),
        ("4GB", 4096),
        ("0.5 gb", 512),
        ("512 MiB", 512),
        ("2g", 2048),
        ("2Gi", 2048),
        (64, 64),
    ],
)
def test_memory_spellings(written: object, mib: int) -> None:
    """MiB, or GB of 1024 MiB, as AWS counts."""
    assert mib == sizes.parse_memory(written)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("0", "memory 0 is not a positive whole number of MiB"),
        ("0.3 GB", "memory 0.3 GB is not a positive whole number of MiB"),
        ("4 TB", "'4 TB' is not an amount of memory; write for instance 4 GB or 4096 (MiB)"),
        (1.5, "1.5 is not an amount of memory; write for instance 4 GB or 4096 (MiB)"),
    ],
)
def test_memory_refused(written: object, message: str) -> None:
    """The message says what was found."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        sizes.parse_memory(written)


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [
        ((256, 4 * GB), (512, 4 * GB)),
        ((1024, 1 * GB), (1024, 2 * GB)),
        ((1024, 16 * GB), (2048, 16 * GB)),
        ((300, 512), (512, 1 * GB)),
        ((8192, 17 * GB), (8192, 20 * GB)),
        ((32768, 100 * GB), (32768, 120 * GB)),
        ((16384, 200 * GB), (32768, 244 * GB)),
        ((256, 999 * GB), (32768, 244 * GB)),
    ],
)
def test_nearest(asked: tuple[int, int], nearest: tuple[int, int]) -> None:
    """The smallest size that has at least what was asked for, or the largest of all."""
    assert nearest == sizes.nearest_legal(*asked)


@given(st.integers(0, 40_000), st.integers(0, 300_000))
def test_nearest_is_legal_and_enough(cpu: int, memory: int) -> None:
    """The nearest size is legal, and a legal size is nearest to itself."""
    near = sizes.nearest_legal(cpu, memory)
    assert sizes.is_legal(*near)
    assert (sizes.size_problem(cpu, memory) is None if cpu in sizes.FARGATE_SIZES else False) == (near == (cpu, memory))


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ((1024, 2048), None),
        (
            (1024, 1024),
            (
                "cpu 1 vCPU with memory 1 GB is not a Fargate size; nearest legal: 1 vCPU with 2 GB "
                "(cpu: 1 vCPU allows 2 to 8 GB in steps of 1 GB)"
            ),
        ),
        (
            (256, 4),
            (
                "cpu 0.25 vCPU with memory 4 MiB is not a Fargate size; nearest legal: 0.25 vCPU with 0.5 GB "
                "(cpu: 0.25 vCPU allows 0.5, 1 or 2 GB; a number without a unit is MiB)"
            ),
        ),
    ],
)
def test_message(pair: tuple[int, int], message: str | None) -> None:
    """The message names the nearest legal pair, and what the cpu allows."""
    assert message == sizes.size_problem(*pair)


def test_default_memory() -> None:
    """Each cpu has a smallest memory; a cpu that is no size has that of the next one."""
    assert [512, 1024, 61440] == [sizes.smallest_memory(cpu) for cpu in (256, 257, 32768)]
