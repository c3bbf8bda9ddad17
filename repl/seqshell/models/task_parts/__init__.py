"""What a checkpoint holds for its task, one module for each task: read from the header, and tried with the decoder."""
