"""What was found, for the terminal, for people and for machines."""
