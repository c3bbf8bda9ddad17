"""`seqshell` for many command lines: a process that has imported it, and torch, forks for each of them."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugins.conftest import Env

# Forks twice for each connection: a process that runs the command line, and one that waits for it.
SERVER = """if True:
    import atexit, contextlib, json, os, socket, sys, traceback
    del sys.path[0]
    import torch
    import seqshell.cli.program, seqshell.testing, seqshell.training.loop
    from seqshell.cli import main

    def run(connection):
        _, files, _, _ = socket.recv_fds(connection, 1, 3)
        sys.argv[1:], folder, variables = json.load(connection.makefile("rb"))
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        sys.stdin = sys.__stdin__ = open(0)
        sys.stdout = sys.__stdout__ = open(1, "w")
        sys.stderr = sys.__stderr__ = open(2, "w", buffering=1)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(variables)
        atexit._clear()  # the end of the server's modules
        code = 1
        try:
            code = main()
            atexit._run_exitfuncs()
        except BaseException:
            traceback.print_exc()
        finally:
            for stream in (sys.__stdout__, sys.__stderr__):
                stream.flush()
            os._exit(code)

    sys.argv = ["seqshell", *sys.argv[1:]]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen()
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        if not os.fork():
            listener.close()
            if not (child := os.fork()):
                run(connection)
            connection.sendall(b"%d" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            os._exit(0)
        connection.close()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
"""
CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [b"."], [0, 1, 2])
    server.sendall(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode())
    server.shutdown(socket.SHUT_WR)
    code = int(server.recv(9))
sys.exit(code)
"""


@contextmanager
def served(env: Env) -> Iterator[Env]:
    """The environment with a program `seqshell` whose command lines run in forks of one process."""
    with tempfile.TemporaryDirectory(prefix="seqshell-") as name:
        folder = Path(name)
        address = str(folder / "socket")
        client = folder / "programs" / "seqshell"
        client.parent.mkdir()
        client.write_text(CLIENT.format(python=env.programs / "python", address=address), "utf-8")
        client.chmod(0o700)
        command = [str(env.programs / "python"), "-c", SERVER, address]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env.variables, cwd=env.work)
        with process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
                yield replace(env, folder=folder / "files", first=client.parent)
            finally:
                process.kill()
