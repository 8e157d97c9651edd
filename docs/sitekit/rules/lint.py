"""All rules together. Every finding is one line, ``file:line: what to do``."""

from dataclasses import dataclass

from ..project.errors import SourceError
from ..project.layout import Project
from ..translate.localise import check
from . import code, drift, evidence, form
from .pages import Elsewhere, executed


@dataclass(frozen=True)
class Report:
    """What was found."""

    files: int
    findings: list[SourceError]
    elsewhere: list[tuple[str, Elsewhere]]
    """The numbers in prose that no output shows, and why, each with its page."""


def review(project: Project) -> Report:
    """Hold the whole project against the rules; a SourceErrors has what keeps it from being built."""
    pages = check(project)
    found = [*form.findings(pages), *drift.findings(project, pages)]
    elsewhere = []
    for page in executed(project, pages):
        found += evidence.findings(page)
        found += code.findings(project, page)
        elsewhere += [(page.page, mark) for mark in page.elsewhere]
    return Report(len(pages), found, elsewhere)
