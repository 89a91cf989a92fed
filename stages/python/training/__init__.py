"""Training and export of encoders. Knows nothing of pipelines: files in, files out, events on the side."""

import os

# Before any library is imported: nothing here may ask a hub.
os.environ.update(
    HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", TOKENIZERS_PARALLELISM="true"
)
