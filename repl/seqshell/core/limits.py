"""Limits that several packages share; a limit of one module is defined there."""

MAX_TOKENS = 1_000_000  # tokens of one answer; also tokens or turns that one line can undo
MAX_STEPS = 10_000  # time steps of one forecast
MAX_TURNS = 100  # earlier messages and answers that one message carries
MAX_MESSAGE = 10_000_000  # bytes of UTF-8 in a message, and in a line of a script
