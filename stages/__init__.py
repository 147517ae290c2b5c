"""One thin script for each stage of dvc.yaml: it reads, calls the library, and writes."""

import counterpoise  # noqa: F401  an interrupt while a stage is at its imports is answered in one line
