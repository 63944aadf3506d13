"""What is right: the textbook, in numbers that carry a derivative and a bound for their own error."""
