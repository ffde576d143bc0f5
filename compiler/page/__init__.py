"""One static page about a build: where its cycles and its memory went."""
