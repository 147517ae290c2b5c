"""The one model that is put to use: refitted, kept in files that run no code, held against the
present one, and asked."""
