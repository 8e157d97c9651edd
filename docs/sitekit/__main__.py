"""The commands: ``python -m sitekit <command>``, in a project's folder."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .project.errors import SitekitError
from .project.layout import Project

Run = Callable[[Project, argparse.Namespace], int]


def _build(project: Project, given: argparse.Namespace) -> int:
    from .publish.builder import build, preview

    if given.only:
        return 0 if preview(project, given.only, scheduler=given.scheduler) else 1
    return 0 if build(project, scheduler=given.scheduler) else 1


def _record(project: Project, given: argparse.Namespace) -> int:
    from .execute.examples import Options, chosen, store_for
    from .execute.runner import dask_executor, record

    store = store_for(project, given.device)
    if given.store:
        store = replace(store, folder=given.store)
    wanted = chosen(project, given.device, given.pages)
    options = Options(project, given.device, jobs=given.jobs)
    with dask_executor(given.scheduler) as executor:
        summary = record(wanted, store, options, executor=executor)
    print(*summary.lines(), sep="\n")
    return 1 if summary.failures else 0


def _records(project: Project, given: argparse.Namespace) -> int:
    from .execute.chosen import states

    devices = sorted({device for page in project.pages() for device in page.devices})
    table = states(project, devices)
    width = max(map(len, table), default=0) + 2
    print(f"{'page':{width}}" + "".join(f"{device:>10}" for device in devices))
    for page, row in table.items():
        print(f"{page:{width}}" + "".join(f"{row[device]:>10}" for device in devices))
    return 0


def _translate(project: Project, given: argparse.Namespace) -> int:
    from .translate.catalogue import update_all

    if left := update_all(project, given.pages):
        print(f"{left} messages to translate or mend: edit the .po files, then run `nox -s docs`")
    return 0


def _localise(project: Project, given: argparse.Namespace) -> int:
    from .translate.localise import localise

    written = localise(project)
    print("localised: " + ", ".join(f"{count} files changed in {name}" for name, count in written.items()))
    return 0


def _lint(project: Project, given: argparse.Namespace) -> int:
    from .rules.lint import review

    report = review(project)
    print(*report.findings, sep="\n", end="\n" if report.findings else "", file=sys.stderr)
    for page, mark in report.elsewhere:
        print(f"{page}:{mark.line}: {mark.number} is from elsewhere: {mark.reason}")
    print(f"{report.files} files, {len(report.findings)} findings")
    return 1 if report.findings else 0


def _golden(project: Project, given: argparse.Namespace) -> int:
    from .execute.golden import review

    return review(project, given.device, given.pages, update=given.update)


def _versions(project: Project, given: argparse.Namespace) -> int:
    from .execute.golden import report_versions

    report_versions(project)
    return 0


def _processors(project: Project, given: argparse.Namespace) -> int:
    from .execute.processors import review

    return review(project, given.pages, given.mode)


def _live(project: Project, given: argparse.Namespace) -> int:
    from .publish.live import serve

    serve(project.root, given.port)
    return 0


def _package(project: Project, given: argparse.Namespace) -> int:
    from .publish.package import package

    for path in package(project):
        print(f"{path.relative_to(project.root)}  {path.stat().st_size / 1e6:.1f} MB")
    return 0


def _jobs(text: str) -> int:
    if (number := int(text)) < 0:
        raise argparse.ArgumentTypeError("--jobs is how many run at once; 0 is one per core")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sitekit", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name: str, run: Run, text: str, after: str = "") -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(run=run, after=after)
        return made

    def pages(made: argparse.ArgumentParser) -> None:
        made.add_argument("pages", nargs="*", metavar="page", help="such as basics/shapes; all by default")

    scheduler: dict[str, Any] = {"help": "address of a Dask scheduler whose workers run the examples"}

    made = command(
        "build",
        _build,
        "Build the site into build/html.",
        "what was recorded stays, the site in build/html is as it was",
    )
    made.add_argument("--only", nargs="+", metavar="PAGE", help="build these pages into build/preview")
    made.add_argument("--scheduler", **scheduler)
    made = command("record", _record, "Run the examples that have no record.", "what was recorded stays")
    pages(made)
    made.add_argument("--device", default="cpu", help="kind of device: cpu, cuda …")
    made.add_argument("--store", type=Path, help="folder of the records")
    made.add_argument("--jobs", type=_jobs, default=0, help="how many run at once; one per core")
    made.add_argument("--scheduler", **scheduler)
    command("records", _records, "Print which page has a record of which device.")
    pages(command("translate", _translate, "Bring the catalogues up to date, and print how far each is."))
    command("localise", _localise, "Write build/source/<language>/ and no more.")
    command("lint", _lint, "Check the rules that sources and translations keep.")
    made = command("golden", _golden, "Compare what pages print and draw with tests/golden.")
    pages(made)
    made.add_argument("--update", action="store_true", help="accept what the pages show now")
    made.add_argument("--device", default="cpu")
    command("versions", _versions, "Say which pages differ under the packages that are installed now.")
    made = command("processors", _processors, "Say which pages would differ on other processors.")
    pages(made)
    made.add_argument("--mode", action="append", default=[], help="one mode; can be given again")
    made = command("live", _live, "Serve the site, and build again what is saved.")
    made.add_argument("--port", type=int, default=8000)
    command("package", _package, "Pack the built site for readers without a network, into dist.")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments` name for the project in the current folder; returns the exit status."""
    given = _parser().parse_args(arguments)

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        return int(given.run(Project.load(Path.cwd()), given))
    except SitekitError as error:
        print(error, file=sys.stderr)
        if given.run is _build:
            print("nothing was built; the site in build/html, if any, is as it was", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"stopped; {given.after}" if given.after else "stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
