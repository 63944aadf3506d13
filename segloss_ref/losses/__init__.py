"""The losses, a module a family."""
