"""One package for each kind of source; they never import each other."""
