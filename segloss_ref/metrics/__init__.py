"""The metrics: counts, surfaces, outlines."""
