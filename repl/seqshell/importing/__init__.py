"""`seqshell import`: models of other programs become checkpoints."""
