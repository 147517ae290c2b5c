"""What several people need who share results: merging dvc.lock, and a remote whose objects are what they are called."""
