"""One line in, events out: the shell, its open models and settings, and every command.

Draws nothing and reads no keys.
"""
