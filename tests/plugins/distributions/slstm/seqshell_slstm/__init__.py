"""The sLSTM (Beck et al. 2024, https://arxiv.org/abs/2405.04517)."""

import seqshell

seqshell_api = "1"


@seqshell.hookimpl
def seqshell_architectures():
    yield seqshell.Architecture(
        "slstm",
        seqshell.Task.GENERATE,
        config="seqshell_slstm.config:SLSTMConfig",
        model="seqshell_slstm.model:SLSTMLanguageModel",
        decoder="seqshell_slstm.decoding:SLSTMDecoder",
        summary="an LSTM with exponential gates (xLSTM, Beck et al. 2024)",
    )
