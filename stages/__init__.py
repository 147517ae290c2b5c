"""One script for each stage of dvc.yaml: it reads its inputs, calls the library, and writes."""

# first, since it installs the short message for an interrupt while a stage is at its imports
import counterpoise  # noqa: F401
