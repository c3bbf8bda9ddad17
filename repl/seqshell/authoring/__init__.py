"""For authors of plugins: `seqshell plugins new` writes a distribution, `seqshell plugins check` holds it to the contract."""
