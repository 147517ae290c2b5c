"""The commands of the console script: `python -m counterpoise COMMAND`."""
