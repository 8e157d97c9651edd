"""From examples to records of what they printed and drew; knows nothing of languages."""
