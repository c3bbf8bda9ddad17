"""From one moment to the next ones: strategies, the sampler chain, its language, and what can be measured on outputs."""
