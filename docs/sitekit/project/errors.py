"""Mistakes in files that a person wrote: one line each, with file, line and what to do."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class SitekitError(Exception):
    """What a person has to mend; the message says how, and is all that they need to see."""


class SourceError(SitekitError):
    """A mistake in a file that a person wrote; reads ``file:line: what to do``."""

    def __init__(self, path: Path | str, line: int | None, message: str) -> None:
        """Keep `path` and `line` (1-based, None where there is none) beside the sentence `message`."""
        message = " ".join(message.splitlines())  # some quote what they found
        self.path, self.line, self.message = Path(path), line, message
        here = Path.cwd()
        shown = self.path.relative_to(here) if self.path.is_relative_to(here) else self.path
        super().__init__(f"{shown}:{line}: {message}" if line is not None else f"{shown}: {message}")


class SourceErrors(SourceError):
    """Several mistakes that were found together, one line each."""

    def __init__(self, errors: Iterable[SourceError]) -> None:
        """Keep `errors` in their order, each once."""
        single = [one for error in errors for one in getattr(error, "errors", [error])]
        self.errors = list({str(error): error for error in single}.values())
        first = self.errors[0]
        super().__init__(first.path, first.line, first.message)
        self.args = ("\n".join(str(error) for error in self.errors),)


@contextmanager
def gathered(errors: list[SourceError]) -> Iterator[None]:
    """Put a mistake that is found inside into `errors`, and go on."""
    try:
        yield
    except SourceError as error:
        errors.append(error)
