"""One module per command; each has a `command`, and is imported when that command runs."""
