"""What a host does with a build: read it, put the picture in, take the results out."""
