"""What several rooms need and nobody looks for. Nothing here knows what meta-learning is."""
