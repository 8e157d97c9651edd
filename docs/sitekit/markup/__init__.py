"""Takes source files apart into units of prose and the text between them, and puts them together again."""
