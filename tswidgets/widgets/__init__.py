"""Ring 2: wires the model's side and the picture's side together."""
