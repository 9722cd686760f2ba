"""The pieces that panels are made of: a caption above a figure, or a block beside the figures. Each shows one thing."""
