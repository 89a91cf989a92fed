"""Training and export of encoders. Knows nothing of pipelines: files in, files out, events on the side."""
