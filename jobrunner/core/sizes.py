"""The cpu and memory pairs that Fargate offers, and the nearest one to a pair that it does not.

Source: AmazonECS developer guide, "Task definition parameters for Fargate", task size; the 32 vCPU row is in
the guide of 2026 while botocore's text of RegisterTaskDefinition still ends at 16 vCPU. Linux only, platform
version 1.4.0.
"""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import pairwise

from jobrunner.core.wording import listed, quoted

GIB = 1024

#: cpu units → every memory size in MiB that goes with them, ascending.
FARGATE_SIZES: dict[int, tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
    32768: (61440, 122880, 249856),
}

DEFAULT_CPU = 256
MAX_CPU = max(FARGATE_SIZES)

_CPU = re.compile(r"([0-9]+|[0-9]*\.[0-9]+)\s*(vcpus?)?", re.IGNORECASE)
_MEMORY = re.compile(r"([0-9]+|[0-9]*\.[0-9]+)\s*(gb|gib|gi|g|mb|mib|mi|m)?", re.IGNORECASE)
_MAX_DIGITS = 12


def parse_cpu(value: object) -> int:
    """Cpu units (1024 are one vCPU) of `1 vCPU`, `.25 vcpu`, `512` or an `int` of units.

    Raises:
        ValueError: It is not an amount of cpu, or no Fargate size has that amount.
    """
    units = _amount(value, _CPU, {"vcpu": 1024, "vcpus": 1024}, "an amount of cpu; write for instance 1 vCPU or 1024")
    if units not in FARGATE_SIZES:
        raise ValueError(f"cpu {_as_written(value)} is not a Fargate size; {_cpu_hint(units)}")
    return int(units)


def _cpu_hint(units: Decimal) -> str:
    legal = f"legal: {listed(map(show_cpu, FARGATE_SIZES))}"
    as_vcpu = units * 1024
    if as_vcpu in FARGATE_SIZES:
        return f"did you mean {show_cpu(int(as_vcpu))}? (a number without a unit counts 1024 for a vCPU; {legal})"
    return f"nearest: {show_cpu(nearest_legal(_whole(units), 0)[0])} ({legal})"


def parse_container_cpu(value: object) -> int:
    """Cpu units of one container: any whole amount up to the largest task, not only the sizes of tasks.

    Raises:
        ValueError: It is not an amount of cpu, not whole, or out of range.
    """
    units = _amount(value, _CPU, {"vcpu": 1024, "vcpus": 1024}, "an amount of cpu; write for instance 0.1 vCPU or 128")
    if not 1 <= units <= MAX_CPU or units != units.to_integral_value():
        raise ValueError(
            f"cpu {_as_written(value)} is not a whole number of units from 1 to {MAX_CPU} (1024 are a vCPU)"
        )
    return int(units)


def parse_memory(value: object) -> int:
    """MiB of `4 GB`, `0.5 GB`, `512 MiB`, `512` or an `int` of MiB. As with AWS, 1 GB is 1024 MiB.

    Raises:
        ValueError: It is not a positive whole number of MiB.
    """
    factors = dict.fromkeys(("gb", "gib", "gi", "g"), GIB)
    mib = _amount(value, _MEMORY, factors, "an amount of memory; write for instance 4 GB or 4096 (MiB)")
    if mib <= 0 or mib != mib.to_integral_value():
        raise ValueError(f"memory {_as_written(value)} is not a positive whole number of MiB")
    return int(mib)


def _amount(value: object, pattern: re.Pattern[str], factors: dict[str, int], wanted: str) -> Decimal:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Decimal(value)
    match = pattern.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or len(match[1]) > _MAX_DIGITS:
        raise ValueError(f"{quoted(value)} is not {wanted}")
    return Decimal(match[1]) * factors.get((match[2] or "").lower(), 1)


def _whole(amount: Decimal) -> int:
    return -int(-amount // 1)


def _as_written(value: object) -> str:
    return value.strip()[:40] if isinstance(value, str) else str(value)


def show_cpu(units: int) -> str:
    """`1 vCPU`, `0.25 vCPU`: how AWS's console and prices speak of cpu."""
    return f"{units / 1024:g} vCPU"


def show_memory(mib: int) -> str:
    """`4 GB`, `0.5 GB`; an amount that is no multiple of 512 MiB stays in MiB."""
    return f"{mib / GIB:g} GB" if mib % 512 == 0 else f"{mib} MiB"


def smallest_memory(cpu: int) -> int:
    """The smallest memory in MiB that goes with these cpu units; of an illegal cpu, of the next legal one."""
    return FARGATE_SIZES[nearest_legal(cpu, 0)[0]][0]


def is_legal(cpu: int, memory: int) -> bool:
    """Whether Fargate has a task size of these cpu units and this memory in MiB."""
    return memory in FARGATE_SIZES.get(cpu, ())


def nearest_legal(cpu: int, memory: int) -> tuple[int, int]:
    """The smallest Fargate size with at least this cpu and this memory, or the largest of all when none has."""
    for units, sizes in FARGATE_SIZES.items():
        enough = [size for size in sizes if size >= memory]
        if units >= cpu and enough:
            return units, enough[0]
    return MAX_CPU, FARGATE_SIZES[MAX_CPU][-1]


def size_problem(cpu: int, memory: int) -> str | None:
    """What is wrong with the pair, the nearest legal one, and what the cpu allows; None when it is legal."""
    if is_legal(cpu, memory):
        return None
    near_cpu, near_memory = nearest_legal(cpu, memory)
    unit = "; a number without a unit is MiB" if memory < FARGATE_SIZES[DEFAULT_CPU][0] else ""
    return (
        f"cpu {show_cpu(cpu)} with memory {show_memory(memory)} is not a Fargate size; "
        f"nearest legal: {show_cpu(near_cpu)} with {show_memory(near_memory)} "
        f"(cpu: {show_cpu(cpu)} allows {allowed_memory(cpu)}{unit})"
    )


def allowed_memory(cpu: int) -> str:
    """`2 to 8 GB in steps of 1 GB`, or the list where the steps are uneven."""
    sizes = FARGATE_SIZES[cpu]
    steps = {later - earlier for earlier, later in pairwise(sizes)}
    if len(steps) > 1:
        return f"{listed((f'{size / GIB:g}' for size in sizes), 'or')} GB"
    return f"{sizes[0] / GIB:g} to {sizes[-1] / GIB:g} GB in steps of {steps.pop() / GIB:g} GB"
