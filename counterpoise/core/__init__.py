"""Parameters, paths, files, errors and shared types, on which all other packages build."""
