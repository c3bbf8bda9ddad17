"""What is inside a model: addresses of units and states, and the mathematics on them. Draws nothing."""
