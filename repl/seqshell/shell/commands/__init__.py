"""The built-in commands, one module for each purpose. seqshell.host.builtin lists their names."""
