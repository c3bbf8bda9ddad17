"""The letters of the tiny models that the program opens in a terminal."""

VOCABULARY = "\n !,.:?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
