"""What brings frames in, one thread a source, and the inbox of the pipeline."""
