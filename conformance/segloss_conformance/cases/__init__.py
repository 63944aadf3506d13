"""What is asked: single inputs, drawn, fixed and kept for good."""
