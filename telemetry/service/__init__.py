"""The gateway process: the pipeline, its reload, its check, its drain and its watchdog."""
