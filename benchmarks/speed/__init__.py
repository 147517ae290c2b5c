"""How long the comparison takes, beside a bare script, PyCaret and smote_variants, and beside what
it has to do at least."""
