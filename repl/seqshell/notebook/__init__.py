"""Cells of notebooks: `%load_ext seqshell`, then `%%seqshell`. Only `magics` imports IPython."""
