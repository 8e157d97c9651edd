"""What everything else stands on: the project's folders, languages and pages, and files on disk."""
