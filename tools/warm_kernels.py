"""Kernels that start at once, as forks of a Python that has imported what most notebooks import.

A notebook's first five seconds of computing are the same imports each time: PyTorch, torchvision, Matplotlib.
Here one process (`python tools/warm_kernels.py`, below: the stem) makes them once. For each kernel it forks: the new
process has the imported modules, and gets the environment, the folder and the arguments that it would have had.
The stem runs no thread and opens no socket of ZeroMQ before, which a fork would copy broken, and it imports nothing
of this project: each notebook still imports the library itself.
"""

import atexit
import gc
import os
import signal
import subprocess
import sys
import time
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

SHARED = ("ipykernel.kernelapp", "matplotlib.pyplot", "numpy", "torch", "torchvision")
INLINE = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}  # what a kernel sets before its imports
POSSIBLE = sys.platform == "linux"  # elsewhere there is no fork, or one that the system's libraries don't survive
NAME = "warm"  # of the provisioner, in a kernel's specification


def serve(requests: Connection) -> None:
    """Fork one kernel after the other, and tell each one's process ID, then how it ended, until nobody asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asks
    while True:
        try:
            kernel = requests.recv()
        except EOFError:
            os._exit(0)
        os.environ.update(INLINE | kernel["env"])  # some of the modules look there when they are imported
        for name in SHARED:  # which takes its time only once
            import_module(name)
        gc.freeze()  # what is there stays: the collector need not look at it, and so copy it, in each kernel
        pid = os.fork()
        if not pid:
            become_kernel(requests, **kernel)
        ended, status = 0, 0
        while not ended:
            if requests.poll(0.05):  # nobody asks for a second one before the first has ended: the asker is gone
                os._exit(0)  # the kernel sees that it has no parent, and ends
            ended, status = os.waitpid(pid, os.WNOHANG)
        requests.send(os.waitstatus_to_exitcode(status))


def become_kernel(requests: Connection, argv: list[str], folder: str, env: dict[str, str]) -> None:
    """In a new process: do what `python -m ipykernel_launcher` does, until the kernel is shut down."""
    import numpy
    from ipykernel import kernelapp

    os.setsid()  # so that a signal to it reaches what it starts, too, and no other
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    numpy.random.seed()  # Python's own generator takes a new seed by itself, and PyTorch always begins with the same
    requests.send(os.getpid())
    requests.close()
    sys.argv = [*argv, f"--IPKernelApp.parent_handle={os.getppid()}"]  # whose end is the kernel's, too
    try:
        kernelapp.launch_new_instance()
    finally:
        atexit._run_exitfuncs()
        os._exit(0)  # to take all modules down one by one, as Python does in the end, costs two seconds


@cache
def stem() -> Connection:
    """The way to this process's stem, which is started by the first call, and ends with this process."""
    here, there = Pipe()
    command = [sys.executable, __file__, str(there.fileno())]
    process = subprocess.Popen(command, pass_fds=[there.fileno()], stdin=subprocess.DEVNULL)
    there.close()
    atexit.register(process.wait)
    atexit.register(here.close)  # before it waits: this ends the stem
    return here


class Forked:
    """A forked kernel, with what Jupyter asks of a `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, argv: list[str], folder: str, env: dict[str, str]) -> None:
        self.returncode: int | None = None
        stem().send({"argv": argv, "folder": folder, "env": env})
        self.pid: int = stem().recv()

    def poll(self) -> int | None:
        """How it ended; None while it runs."""
        if self.returncode is None and stem().poll():
            self.returncode = stem().recv()
        return self.returncode

    def wait(self) -> int:
        """How it ended, when it has."""
        while self.poll() is None:
            time.sleep(0.05)
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
    serve(Connection(int(sys.argv[1])))
