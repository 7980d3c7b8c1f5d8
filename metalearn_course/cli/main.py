"""The `metalearn` command. Everything heavy is imported inside the commands, so that help answers at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metalearn_course._common.console import say
from metalearn_course._common.environment import CourseError, calm_threads, utf8_output

if TYPE_CHECKING:
    from metalearn_course.authoring.schedule import Done, Proof

app = typer.Typer(
    help="Learn meta-learning by hand: open the lessons, do the exercises, check them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
dev = typer.Typer(help="What authors of lessons call.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(dev, name="dev")
Lesson = Annotated[str | None, typer.Argument(help="A lesson's number, as in 02; all lessons without it.")]
MARKS = {"solved": ("✓", "green"), "wrong": ("✗", "red"), "not_yet": ("…", "yellow")}


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(
    context: typer.Context,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
    port: Annotated[int | None, typer.Option(help="The port to serve at.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only see whether it opens, then close it.")] = False,
) -> None:
    """Copy new exercises, then open the course in JupyterLab, which gets any further options."""
    from metalearn_course.cli.lab import open_lab, try_lab

    start()
    if check:
        say(f"✓ {try_lab(context.args)}")
        return
    raise typer.Exit(open_lab(browser, port, context.args))


@app.command()
def start() -> None:
    """Copy new exercises into your folder; what is there already stays as it is."""
    from metalearn_course._common.environment import home
    from metalearn_course.cli.lab import copy_exercises

    copied = copy_exercises()
    names = ", ".join(path.name for path in copied.new) if copied.new else "nothing new"
    say(f"Your exercises are in {home()}: {names}.")
    for path in copied.repaired:
        say(f"{path.name} had been cut short when an earlier copy was stopped; it is whole again.")


@app.command()
def doctor() -> None:
    """Say whether this machine is ready, and what to do where it is not."""
    from metalearn_course.classroom.machine import report

    raise typer.Exit(0 if report() else 1)


@app.command()
def check(lesson: Lesson = None) -> None:
    """Run your exercise notebooks and list what is solved."""
    from metalearn_course._common.notebooks import two_digits

    number = two_digits(lesson)
    calm_threads()
    from metalearn_course.cli.own_notebooks import check_notebooks

    solved: dict[str, bool] = {}  # by exercise: in one of its notebooks
    troubles = 0
    for row in check_notebooks(number):
        mark, color = MARKS[row.status]
        said = row.line.removeprefix(f"{mark} ").removeprefix(f"{row.name}: ")
        where = f" ({row.file})" if row.file else ""
        _line(mark, f"{row.lesson} {row.name}{where}: {said}", color)
        if row.is_exercise:
            solved[row.name] = solved.get(row.name, False) or row.status == "solved"
        else:
            troubles += row.status == "wrong"
    say(f"{sum(solved.values())} of {len(solved)} solved")
    raise typer.Exit(0 if all(solved.values()) and not troubles else 1)


@app.command()
def hint(
    exercise: Annotated[str, typer.Argument(help="The name of the exercise's function.")],
    level: Annotated[int | None, typer.Option(help="1 to 3; the next one without it.")] = None,
) -> None:
    """Print the next hint for an exercise: a question, a pointer, nearly the line."""
    from metalearn_course.classroom.desk import hint as give
    from metalearn_course.classroom.register import find

    find(exercise)
    give(exercise, level)


@dev.command()
@app.command(hidden=True)
def build(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail where something would change.")] = False,
) -> None:
    """Make exercises/ from solutions/."""
    from metalearn_course.authoring import build as exercises

    changed = exercises.differences() if check else exercises.build()
    gone = exercises.without_solution() if check else []
    for line in changed + gone:
        say(
            f"✗ {line}"
            if check
            else line.replace(" is missing", ": new").replace(" differs from what", ": changed, as")
        )
    if check and changed:
        say("Run `metalearn dev build`.")
    if check and (changed or gone):
        raise typer.Exit(1)
    if not changed:
        say("✓ exercises/ is what solutions/ makes")


@dev.command()
@app.command(hidden=True)
def store(lesson: Annotated[str, typer.Argument(help="The number of the lesson to run, as in 02.")]) -> None:
    """Run a lesson and store its outputs, for those who edit one."""
    from metalearn_course._common.notebooks import two_digits
    from metalearn_course.authoring.store import lesson_path
    from metalearn_course.authoring.store import store as run_and_store

    path = lesson_path(two_digits(lesson))
    run_and_store(path)
    say(f"✓ {path.name} ran, and its outputs are stored")


@dev.command()
def tidy(lesson: Lesson = None) -> None:
    """Take out of lessons and solutions what editors leave there, and give new cells a name."""
    from metalearn_course._common.notebooks import two_digits
    from metalearn_course.authoring.tidy import tidy as put_in_order

    changed = put_in_order(two_digits(lesson))
    for line in changed:
        say(line)
    if not changed:
        say("✓ lessons and solutions are tidy")


@dev.command()
def pages(lesson: Lesson = None) -> None:
    """Look at stored notebooks without running them: complete, built, clean, every idea taught."""
    from metalearn_course._common.notebooks import two_digits

    number = two_digits(lesson)
    calm_threads()
    from metalearn_course.authoring.complete import lessons_called
    from metalearn_course.authoring.validate import seen_without_running

    _carry_out(seen_without_running(lessons_called(number)))


TIMES = "How often to ask the right answers about cases drawn at random; what is refused is told."


@dev.command()
def marks(lesson: Lesson = None, times: Annotated[int, typer.Option(min=0, help=TIMES)] = 0) -> None:
    """How many written answers each check accepts and refuses, and what it says of an argument that is written in."""
    from metalearn_course._common.notebooks import two_digits

    number = two_digits(lesson)
    calm_threads()
    from metalearn_course.authoring.complete import lessons_called
    from metalearn_course.authoring.marks import lines

    for one in lessons_called(number):
        for line in lines(one, times=times):
            say(line)


Jobs = Annotated[int, typer.Option(min=1, help="How many notebooks to run at a time, with one thread each.")]
Changed = Annotated[bool, typer.Option("--changed", help="Only lessons that the working tree changes.")]
Since = Annotated[str | None, typer.Option(metavar="REVISION", help="Only lessons changed since then.")]
JUnit = Annotated[Path | None, typer.Option(metavar="FILE", help="Write what was proved as JUnit XML, too.")]
UNTRAINED = "Train nothing: every claim about learning must fail."


@app.command()
def validate(
    lesson: Lesson = None,
    jobs: Jobs = 1,
    changed: Changed = False,
    since: Since = None,
    junit: JUnit = None,
    ablate: Annotated[bool, typer.Option("--ablate", help=UNTRAINED, hidden=True)] = False,
) -> None:
    """Prove that every notebook, exercise and solution works, the cheapest proofs first."""
    _prove(lesson, jobs, changed, since, junit, ablate)


@dev.command("validate")
def validate_for_authors(
    lesson: Lesson = None,
    ablate: Annotated[bool, typer.Option("--ablate", help=UNTRAINED)] = False,
    jobs: Jobs = 1,
    changed: Changed = False,
    since: Since = None,
    junit: JUnit = None,
) -> None:
    """As `metalearn validate`, and with --ablate, prove that claims about learning fail without it."""
    _prove(lesson, jobs, changed, since, junit, ablate)


def _prove(lesson: str | None, jobs: int, changed: bool, since: str | None, junit: Path | None, ablate: bool) -> None:
    from metalearn_course._common.notebooks import two_digits

    number = two_digits(lesson)
    calm_threads(1 if jobs > 1 else None)
    from metalearn_course.authoring.changed import touched
    from metalearn_course.authoring.complete import lessons_called
    from metalearn_course.authoring.validate import planned

    lessons = lessons_called(number)
    if changed or since is not None:
        found = touched(lessons, since)
        say(f"{found.why}; what concerns the course as a whole is proved in any case")
        lessons = found.lessons
    _carry_out(planned(lessons, ablate, jobs), jobs, junit)


def _carry_out(plan: list[Proof], jobs: int = 1, junit: Path | None = None) -> None:
    """Prove what is planned, a line for each, and exit by whether all of it held."""
    from metalearn_course.authoring.junit import write
    from metalearn_course.authoring.schedule import carry_out

    done: list[Done] = []
    if junit is not None:
        write(junit, plan, done)  # now, for a file that cannot be written is better known before than after
    for one in carry_out(plan, jobs):
        done.append(one)
        mark, color = MARKS["wrong" if one.outcome.problems else "solved"]
        ahead = f"{one.number} of {one.total}, about {one.left:.0f} s left"
        _line(mark, f"{one.outcome.what}: {one.outcome.said or 'failed'} [{ahead}]", color)
        for problem in one.outcome.problems:
            say(f"    {problem}")
        if junit is not None:
            write(junit, plan, done)
    failed = sum(1 for one in done if one.outcome.problems)
    say(f"{failed} failed" if failed else "all well")
    raise typer.Exit(1 if failed else 0)


def _line(mark: str, text: str, color: str) -> None:
    """A line with a colored mark on a terminal, a plain one elsewhere."""
    if not sys.stdout.isatty():
        say(f"{mark} {text}")
        return
    from rich.console import Console
    from rich.text import Text

    Console(soft_wrap=True).print(Text.assemble((mark, color), " ", text))


def main() -> None:
    """The `metalearn` command: an error that the user can mend is one line on stderr, and exit code 2."""
    utf8_output()
    try:
        app()
    except CourseError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:
        from metalearn_course._common.files import cannot_write, is_full

        if not is_full(error):
            raise
        print(cannot_write(error.filename or "A file", error, ""), file=sys.stderr)
        raise SystemExit(2) from None
