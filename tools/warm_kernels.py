"""Kernels that start at once, as forks of a Python that has imported what most notebooks import.

A notebook's first five seconds of computing are the same imports each time: PyTorch, torchvision, Matplotlib.
Here one process (`python tools/warm_kernels.py`, below: the stem) makes them once. For each kernel it forks: the new
process has the imported modules, and gets the environment, the folder and the arguments that it would have had.
The stem runs no thread and opens no socket of ZeroMQ before, which a fork would copy broken, and it imports nothing
of this project: each notebook still imports the library itself.
"""

import asyncio
import atexit
import gc
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint
from itertools import count
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

SHARED = ("ipykernel.kernelapp", "matplotlib.pyplot", "numpy", "torch", "torchvision")
INLINE = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}  # what a kernel sets before its imports
POSSIBLE = sys.platform == "linux"  # elsewhere there is no fork, or one that the system's libraries don't survive
PAUSE = 0.05  # seconds between two looks at what has happened
BEGUN, ENDED = "begun", "ended"  # what the stem tells of a kernel
NAME = "warm"  # of the provisioner, in a kernel's specification


def serve(asking: list[Connection]) -> None:
    """Fork the kernels that are asked for, and tell each one's process ID, then how it ended, until nobody asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asks
    running: dict[int, tuple[Connection, int]] = {}  # who has asked for it, and the number that it has there, by process ID
    while asking:
        for requests in wait(asking, PAUSE if running else None):
            try:
                number, kernel = requests.recv()
            except EOFError:
                asking.remove(requests)
                continue
            running[fork_kernel(requests, number, **kernel)] = requests, number
        for pid in list(running):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                requests, number = running.pop(pid)
                with suppress(OSError):  # whoever has asked for it may be gone
                    requests.send((number, ENDED, os.waitstatus_to_exitcode(status)))
    os._exit(0)  # the kernels see that they have no parent, and end


def fork_kernel(requests: Connection, number: int, argv: list[str], folder: str, env: dict[str, str]) -> int:
    """Start a kernel, which tells that it has begun; returns its process ID."""
    os.environ.update(INLINE | env)  # some of the modules look there when they are imported
    for name in SHARED:  # which takes its time only once
        import_module(name)
    gc.freeze()  # what is there stays: the collector need not look at it, and so copy it, in each kernel
    pid = os.fork()
    if not pid:
        become_kernel(requests, number, argv, folder, env)
    return pid


def become_kernel(requests: Connection, number: int, argv: list[str], folder: str, env: dict[str, str]) -> None:
    """In a new process: do what `python -m ipykernel_launcher` does, until the kernel is shut down."""
    import numpy
    from ipykernel import kernelapp

    os.setsid()  # so that a signal to it reaches what it starts, too, and no other
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    numpy.random.seed()  # Python's own generator takes a new seed by itself, and PyTorch always begins with the same
    requests.send((number, BEGUN, os.getpid()))
    requests.close()
    sys.argv = [*argv, f"--IPKernelApp.parent_handle={os.getppid()}"]  # whose end is the kernel's, too
    try:
        kernelapp.launch_new_instance()
    finally:
        atexit._run_exitfuncs()
        os._exit(0)  # to take all modules down one by one, as Python does in the end, costs two seconds


def start_stem(ways: int) -> list[Connection]:
    """Start a process that forks kernels; returns so many ways to it, for as many processes. It ends when all are closed."""
    pipes = [Pipe() for _ in range(ways)]
    there = [there.fileno() for _, there in pipes]
    process = subprocess.Popen([sys.executable, __file__, *map(str, there)], pass_fds=there, stdin=subprocess.DEVNULL)
    for _, end in pipes:
        end.close()
    atexit.register(process.wait)
    return [here for here, _ in pipes]


class Stem:
    """The way to a process that forks kernels."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe
        self.numbers, self.told = count(), {}  # what it has told of each kernel
        atexit.register(self.pipe.close)  # this ends the stem, before its end is waited for

    def ask(self, **kernel: Any) -> int:
        """Have a kernel forked; returns the number that it has here."""
        number = next(self.numbers)
        self.pipe.send((number, kernel))
        return number

    def hears(self, number: int, event: str) -> int | None:
        """What the stem has told of an event of a kernel; None if nothing yet."""
        while self.pipe.poll():
            about, what, value = self.pipe.recv()
            self.told[about, what] = value
        return self.told.get((number, event))


LENT: list[Connection] = []  # this process's way to the stem of another one


def lend(pipes: SimpleQueue) -> None:
    """In a process of a pool: take one of the ways to the stem of the process that has the pool."""
    LENT.append(pipes.get())


@cache
def stem() -> Stem:
    """This process's own, which the first call starts, or the one that was lent to it."""
    return Stem(*(LENT or start_stem(1)))


class Forked:
    """A forked kernel, with what Jupyter asks of a `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, argv: list[str], folder: str, env: dict[str, str]) -> None:
        self.number = stem().ask(argv=argv, folder=folder, env=env)
        self.pid: int | None = None
        self.returncode: int | None = None

    def begun(self) -> bool:
        """Whether it runs, and has its process ID."""
        self.pid = stem().hears(self.number, BEGUN)
        return self.pid is not None

    def poll(self) -> int | None:
        """How it ended; None while it runs."""
        if self.returncode is None:
            self.returncode = stem().hears(self.number, ENDED)
        return self.returncode

    def wait(self) -> int:
        """How it ended, when it has."""
        while self.poll() is None:
            time.sleep(PAUSE)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class WarmProvisioner(LocalProvisioner):
    """Forks a kernel where Jupyter would start a fresh Python; all else is the same."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        """Fork the kernel that `cmd` would start."""
        self.process = Forked(cmd[cmd.index("ipykernel_launcher") :], str(kwargs["cwd"]), kwargs["env"])
        while not self.process.begun():  # the first one waits for the imports, and a server has other work meanwhile
            await asyncio.sleep(PAUSE)
        self.pid = self.pgid = self.process.pid
        self.cwd = kwargs["cwd"]
        return self.connection_info


def warm(metadata: dict[str, Any]) -> dict[str, Any]:
    """A kernel specification's metadata, with the wish that its kernels are forked."""
    provisioners = KernelProvisionerFactory.instance().provisioners
    provisioners[NAME] = EntryPoint(NAME, f"{__name__}:WarmProvisioner", KernelProvisionerFactory.GROUP_NAME)
    return metadata | {"kernel_provisioner": {"provisioner_name": NAME}}


if __name__ == "__main__":
    if sys.path[0] == str(Path(__file__).parent):
        del sys.path[0]
    serve([Connection(int(number)) for number in sys.argv[1:]])
