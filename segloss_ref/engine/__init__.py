"""What all losses share: keywords, probabilities, regions, gradients."""
