"""The README's picture and table, made from the committed results."""
