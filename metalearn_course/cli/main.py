"""The `metalearn` command. Everything heavy is imported inside the commands, so that help answers at once."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from metalearn_course._common.console import say
from metalearn_course._common.environment import CourseError, calm_threads, utf8_output

app = typer.Typer(
    help="Learn meta-learning by hand: open the lessons, do the exercises, check them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
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

    new = copy_exercises()
    names = ", ".join(path.name for path in new) if new else "nothing new"
    say(f"Your exercises are in {home()}: {names}.")


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

    rows = check_notebooks(number)
    for row in rows:
        mark, color = MARKS[row.status]
        said = row.line.removeprefix(f"{mark} ").removeprefix(f"{row.name}: ")
        _line(mark, f"{row.lesson} {row.name}: {said}", color)
    solved = sum(1 for row in rows if row.status == "solved")
    say(f"{solved} of {len(rows)} solved")
    raise typer.Exit(0 if solved == len(rows) else 1)


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


@app.command()
def build(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail where something would change.")] = False,
) -> None:
    """Make exercises/ from solutions/."""
    from metalearn_course.authoring.build import build as write
    from metalearn_course.authoring.build import differences

    changed = differences() if check else write()
    for line in changed:
        say(
            f"✗ {line}"
            if check
            else line.replace(" is missing", ": new").replace(" differs from what", ": changed, as")
        )
    if check and changed:
        say("Run `metalearn build`.")
        raise typer.Exit(1)
    if not changed:
        say("✓ exercises/ is what solutions/ makes")


@app.command()
def store(lesson: Annotated[str, typer.Argument(help="The number of the lesson to run, as in 02.")]) -> None:
    """Run a lesson and store its outputs, for those who edit one."""
    from metalearn_course._common.notebooks import two_digits
    from metalearn_course.authoring.store import lesson_path
    from metalearn_course.authoring.store import store as run_and_store

    path = lesson_path(two_digits(lesson))
    run_and_store(path)
    say(f"✓ {path.name} ran, and its outputs are stored")


@app.command()
def validate(
    lesson: Lesson = None,
    ablate: Annotated[
        bool, typer.Option("--ablate", help="Train nothing: every claim about learning must fail.")
    ] = False,
) -> None:
    """Prove that every notebook, exercise and solution works."""
    from metalearn_course._common.notebooks import two_digits

    number = two_digits(lesson)
    calm_threads()
    from metalearn_course.authoring.validate import outcomes

    failed = 0
    for outcome in outcomes(number, ablate):
        failed += bool(outcome.problems)
        mark, color = MARKS["wrong" if outcome.problems else "solved"]
        _line(mark, f"{outcome.what}: {outcome.said or 'failed'}", color)
        for problem in outcome.problems:
            say(f"    {problem}")
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
    utf8_output()
    try:
        app()
    except CourseError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
