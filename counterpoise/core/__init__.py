"""What everything else stands on: parameters, paths, files, errors and shared types."""
