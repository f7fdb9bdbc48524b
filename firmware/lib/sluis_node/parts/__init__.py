"""One file per part; each has a class and names it as `PART`."""
