"""The end of the process: what plugins leave there is reported in one line, and holds it up for two seconds at most."""

import os
import subprocess
import sys
import time

import pytest

from seqshell.testing import tiny_checkpoint

HEAD = "import atexit, sys, threading, time\nimport seqshell\n@seqshell.hookimpl\ndef seqshell_commands(): return []\n"
FOREVER = "[time.sleep(0.05) for _ in iter(int, 1)]"
LEFTOVERS = {  # source -> the lines on stderr
    f"threading.Thread(target=lambda: {FOREVER}, name='forever').start()": [
        "seqshell: the plugin left does not end its thread forever; seqshell ends without it"
    ],
    f"threading.Thread(target=lambda: {FOREVER}, name='forever').start()\natexit.register(lambda: print('kept'))": [
        "seqshell: the plugin left does not end its thread forever; seqshell ends without it",
        "kept",
    ],
    f"atexit.register(lambda: {FOREVER})": [
        "seqshell: the plugin left does not end what it does at the end of the process"
    ],
    "def end(): raise GeneratorExit\natexit.register(end)": [
        "seqshell: the plugin left failed at the end of the process: GeneratorExit"
    ],
    "atexit.register(lambda: print('\\x1b[2J'))": ["^[[2J"],
    "atexit.register(lambda: sys.stderr.write('\\x9bA\\n'))": ["<9b>A"],
    "threading.Thread(target=lambda: (time.sleep(0.2), 1 / 0), name='divides').start()": [
        "seqshell: the plugin left failed in the thread divides: ZeroDivisionError: division by zero"
    ],
    "threading.Thread(target=lambda: time.sleep(0.3)).start()": [],
    "import concurrent.futures\nconcurrent.futures.ThreadPoolExecutor(1).submit(int)": [],
}


@pytest.mark.slow
@pytest.mark.parametrize("source", LEFTOVERS)
def test_what_a_plugin_leaves_at_the_end_is_reported_in_one_line(source, tmp_path):
    (tmp_path / "left.py").write_text(HEAD + source)
    model = tiny_checkpoint(tmp_path / "tiny.safetensors")
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "seqshell", "-m", str(model), "-p", str(tmp_path / "left.py"), "-c", "/quit 7"],
        capture_output=True,
        text=True,
        env={**os.environ, "SEQSHELL_HOME": str(tmp_path / "home")},
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (7, "", LEFTOVERS[source])
    assert ("does not end" in done.stderr) <= (time.monotonic() - start >= 2)
