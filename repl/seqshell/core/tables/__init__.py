"""Tables that people bring: encoding, delimiter, quotes, names, comments, footers, and numbers as people write them."""
