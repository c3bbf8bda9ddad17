"""The names of the files in a run folder, NAME.run."""

RUN_FILE, METRICS_FILE, RESUME_FILE, LOCK = "run.json", "metrics.jsonl", "resume.safetensors", "lock"
EVENTS = "tensorboard"  # the folder of event files
MAX_METRICS = 256_000_000  # bytes of metrics.jsonl
