"""The champion: the one model in use, from its refit on all rows to the scoring of new rows.

It is compared with the present champion first, and saved in files that run no code.
"""
