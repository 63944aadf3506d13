"""What is under test: the library's own backends, other functions, and those of third parties."""
