"""What people type beside `dvc repro`: `python -m counterpoise COMMAND`."""
