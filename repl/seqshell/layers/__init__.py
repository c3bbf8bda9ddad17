"""What recurrent models share: layers in numpy for decoders, and their torch twins in `seqshell.layers.modules`, which imports torch."""

from seqshell.layers.states import LSTMState

__all__ = ["LSTMState"]
