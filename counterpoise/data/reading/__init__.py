"""From a file as it comes to columns with a meaning."""
