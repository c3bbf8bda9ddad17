"""`python -m seqshell`.

The current directory is removed from the import path first: a plugin planted there must not run.
"""

import os
import sys

if sys.path and sys.path[0] in ("", os.getcwd()):
    del sys.path[0]

from seqshell.cli import main  # after the path was cleaned

if __name__ == "__main__":
    sys.exit(main())
