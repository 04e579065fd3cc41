"""Owns the container processes, and kills them all when the endpoint goes away, however it goes.

A plain script (`python -I -S supervise.py FD`), because it must start in milliseconds and fork cheaply: it
imports nothing of jobrunner. FD is one end of a socket pair; frames are a length (4 bytes) and JSON.

    in   {"op": "spawn", "id": 1, "argv": […], "env": {…}, "cwd": "…"} + a descriptor for the output
         {"op": "signal", "id": 1, "signal": 15}
    out  {"spawned": 1, "pid": 4711} | {"failed": 1, "stage": "exec", "errno": 2}
         {"exited": 1, "status": 0}       128+n for signal n, as container runtimes say it

Between this process and each container stands a fork of this process, its keeper, as containerd's shim does.
A container is over when its first process is: the keeper (PR_SET_CHILD_SUBREAPER on Linux) then kills whatever
is left below it, also what left the process group with setsid and a double fork, as the end of a PID namespace
does; it ends with the container's exit status when nothing of it runs any more. PR_SET_PDEATHSIG takes the
keepers away with this process and the first processes with their keepers. Where there is no such call (macOS)
the process group is what is killed.
"""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import socket
import struct
import sys
from contextlib import suppress
from typing import Any, NoReturn

LINUX = sys.platform == "linux"
HEAD = struct.Struct("!I")
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
RESET_SIGNALS = (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGXFSZ)


def prctl_function() -> Any:
    """The C library's prctl, or None where there is none."""
    if not LINUX:
        return None
    import ctypes  # noqa: PLC0415 - Linux only

    return ctypes.CDLL(None, use_errno=True).prctl


class Supervisor:
    """The loop: requests from the socket, ends of keepers from SIGCHLD."""

    def __init__(self, endpoint: socket.socket) -> None:
        self.endpoint = endpoint
        self.pid = os.getpid()
        self.prctl = prctl_function()
        self.buffer = b""
        self.descriptors: list[int] = []
        self.firsts: dict[int, int] = {}  # id of a container → its first process
        self.keepers: dict[int, int] = {}  # keeper → id of its container
        self.reports: dict[int, tuple[int, int]] = {}  # pipe of a start → keeper, id of its container
        self.poll = select.poll()
        self.wake, self.wake_write = os.pipe()
        os.set_blocking(self.wake_write, False)
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # The terminal's Ctrl-C and a polite kill of the session are for the endpoint; this process ends by EOF.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self.adopt_orphans()

    def adopt_orphans(self) -> None:
        """Become the parent of the orphans below this process, instead of process 1."""
        if self.prctl is not None:
            self.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def die_with(self, parent: int) -> None:
        """Let the kernel kill this process when its parent ends."""
        if self.prctl is not None:
            self.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(127)

    def run(self) -> None:
        """Serve until the endpoint's end of the socket is closed; then leave no descendant."""
        self.poll.register(self.endpoint, select.POLLIN)
        self.poll.register(self.wake, select.POLLIN)
        try:
            while True:
                ready = {descriptor for descriptor, _ in self.poll.poll()}
                if self.wake in ready:
                    os.read(self.wake, 4096)
                for report in ready & self.reports.keys():
                    self.conclude(report)
                self.reap()
                if self.endpoint.fileno() in ready and not self.receive():
                    break
        except OSError:
            pass  # the endpoint has gone in the middle of a frame
        finally:
            self.kill_everything()

    # -- requests ----------------------------------------------------------------------------------------------

    def receive(self) -> bool:
        """Read what is there, and do it. False at the end of the stream."""
        data, descriptors, _, _ = socket.recv_fds(self.endpoint, 262_144, 64)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)  # noqa: FBT003 - positional only
        self.descriptors += descriptors
        if not data:
            return False
        self.buffer += data
        while len(self.buffer) >= HEAD.size:
            end = HEAD.size + HEAD.unpack_from(self.buffer)[0]
            if len(self.buffer) < end:
                break
            frame = json.loads(self.buffer[HEAD.size : end])
            self.buffer = self.buffer[end:]
            self.perform(frame)
        return True

    def perform(self, frame: dict[str, Any]) -> None:
        """Do one request."""
        if frame["op"] == "spawn":
            self.spawn(frame, self.descriptors.pop(0))
        elif frame["id"] in self.firsts:
            signal_group(self.firsts[frame["id"]], frame["signal"])

    def send(self, **frame: Any) -> None:
        """Tell the endpoint something."""
        data = json.dumps(frame).encode()
        self.endpoint.sendall(HEAD.pack(len(data)) + data)

    def spawn(self, frame: dict[str, Any], output: int) -> None:
        """Begin to start a container: a keeper, which starts the first process. `conclude` tells how it went.

        Nobody waits here, because on a busy machine each start waits for the scheduler several times.
        """
        report, report_write = os.pipe()
        keeper = 0
        try:
            keeper = os.fork()
            if keeper == 0:
                self.keep(frame, output, report_write)
        except OSError as error:
            os.write(report_write, f"fork {error.errno}\n".encode())
        os.close(report_write)
        os.close(output)
        self.reports[report] = (keeper, frame["id"])
        if keeper:
            self.keepers[keeper] = frame["id"]
        self.poll.register(report, select.POLLIN | select.POLLHUP)

    def conclude(self, report: int) -> None:
        """Tell the endpoint how a start went: the pipe ends when exec has closed its last writer, or failed."""
        keeper, number = self.reports.pop(report)
        self.poll.unregister(report)
        told = read_all(report)
        os.close(report)
        facts = dict(line.split() for line in told.decode().splitlines())
        first = int(facts.pop("first", 0))
        for stage, code in facts.items():
            self.keepers.pop(keeper, None)
            self.send(failed=number, stage=stage, errno=int(code))
            return
        self.firsts[number] = first
        self.send(spawned=number, pid=first)

    def keep(self, frame: dict[str, Any], output: int, report: int) -> NoReturn:
        """In the keeper: start the first process, wait for its end, and leave nothing behind."""
        status = 127
        try:
            self.die_with(self.pid)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            close_others(output, report)
            self.adopt_orphans()
            keeper = os.getpid()
            first = os.fork()
            if first == 0:
                self.die_with(keeper)
                self.become(frame, output, report)
            os.write(report, f"first {first}\n".encode())
            os.close(report)
            os.close(output)
            status = wait_for(first)
            signal_group(first, signal.SIGKILL)
            kill_children()
        except OSError as error:
            os.write(report, f"fork {error.errno}\n".encode())
        finally:
            os._exit(status)

    def become(self, frame: dict[str, Any], output: int, report: int) -> NoReturn:
        """In the child: turn into the container's process, or report the stage and errno of what failed."""
        stage = "fork"
        try:
            os.setsid()
            for number in RESET_SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            stage = "chdir"
            os.chdir(frame["cwd"])
            stage = "exec"
            os.execvpe(frame["argv"][0], frame["argv"], frame["env"])  # noqa: S606 - running commands is the point
        except OSError as error:
            os.write(report, f"{stage} {error.errno or 0}\n".encode())
        except ValueError:  # a NUL in an argument, a lone surrogate
            os.write(report, f"{stage} {errno.EINVAL}\n".encode())
        finally:
            os._exit(127)

    # -- ends --------------------------------------------------------------------------------------------------

    def reap(self) -> None:
        """Report every container that is over."""
        while True:
            try:
                keeper, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if keeper == 0:
                return
            for report in [pipe for pipe, (starter, _) in self.reports.items() if starter == keeper]:
                self.conclude(report)  # it has ended before its start was reported
            number = self.keepers.pop(keeper, None)
            if number is not None:
                del self.firsts[number]
                self.send(exited=number, status=exit_status(status))
            # Only somebody who kills a keeper makes orphans come here.
            for orphan in children_of(os.getpid()):
                if orphan not in self.keepers:
                    kill(orphan)

    def kill_everything(self) -> None:
        """Leave no descendant. Whatever a killed process leaves behind arrives here, and is killed next."""
        for first in self.firsts.values():
            signal_group(first, signal.SIGKILL)
        kill_children()


def wait_for(first: int) -> int:
    """Reap orphans until the first process ends; its exit status."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == first:
            return exit_status(status)


def kill_children() -> None:
    """Kill and reap what is left below this process; the children of the killed arrive here and are next."""
    try:
        while left := children_of(os.getpid()):
            for pid in left:
                kill(pid)
            os.waitpid(-1, 0)
    except ChildProcessError:
        pass


def signal_group(first: int, number: int) -> None:
    """Signal a process group; one that has gone is fine."""
    with suppress(ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
        os.killpg(first, number)


def close_others(*keep: int) -> None:
    """Close every descriptor but the standard ones and these: a keeper must hold no other container's pipe."""
    low = 3
    for descriptor in sorted(keep):
        os.closerange(low, descriptor)
        low = descriptor + 1
    os.closerange(low, 65_536 if LINUX else 1_024)  # one system call on Linux


def read_all(descriptor: int) -> bytes:
    """What comes until the end of a pipe."""
    parts = []
    while part := os.read(descriptor, 4096):
        parts.append(part)
    return b"".join(parts)


def exit_status(status: int) -> int:
    """A wait status as container runtimes report it."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def kill(pid: int) -> None:
    """SIGKILL one process; one that has gone is fine."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def read(path: str) -> bytes:
    """A file of /proc; empty when its process has gone."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib doubles the start-up time
            return file.read()
    except OSError:
        return b""


def children_of(pid: int) -> list[int]:
    """The direct children of a process. Empty where there is no /proc."""
    listed = f"/proc/{pid}/task/{pid}/children"  # needs CONFIG_PROC_CHILDREN, which distributions set
    if os.path.exists(listed):  # noqa: PTH110 - as above
        return [int(child) for child in read(listed).split()]
    return [child for child, parent in parents().items() if parent == pid]


def parents() -> dict[int, int]:
    """Every process of this machine with its parent."""
    if not LINUX:
        return {}
    table = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - as above
        if name.isdecimal():
            # The name of the program, in parentheses, may itself contain spaces and parentheses.
            fields = read(f"/proc/{name}/stat").rpartition(b")")[2].split()
            if fields:
                table[int(name)] = int(fields[1])
    return table


if __name__ == "__main__":
    Supervisor(socket.socket(fileno=int(sys.argv[1]))).run()
