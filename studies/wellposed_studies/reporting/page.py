"""A report's page: everything that the pages of all studies have, each as the value of a cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..escaping import markdown
from ..storing.results import load
from .claims_shown import not_held, strip, verdict_table
from .exhibit import exhibit, source_of
from .findings import answer
from .forest import NARROW, described, forest
from .history import committed_before, last_changes
from .markdown import Markdown, captioned
from .neighbours import neighbours
from .plotting import apply_theme
from .record import data_table, manifest_block, own_table_note, repetitions, reproduce
from .slider import slider
from .standing import standing, tally

if TYPE_CHECKING:
    from ..storing.results import Results

HOW_TO_READ = """
::: {{.callout-note}}
## How to read the claims

An interval is at the level that is left for one claim when the claims of the study are tested
together [@holm1979simple], by the jackknife [@tukey1958bias] unless the table says otherwise. A
claim is *held* when its whole interval is on the claimed side of the threshold, *contradicted* when
it is on the other side, and *undecided* when it reaches across: then the opposite has not been
shown either. Where the least of several quantities decides, the interval of a claim that did not
hold is stricter still, since the least was picked. An identity holds by construction: that it was
checked, to rounding, says that the code is right, and it is not counted among the claims. {note}
:::
"""


class Page:
    """The report of a study's last finished run.

    Parameters
    ----------
    name : str
        The study.

    Attributes
    ----------
    results : Results
    """

    def __init__(self, name: str) -> None:
        apply_theme()
        self.results: Results = load(name)

    def opening(self, more: str = "") -> Markdown:
        """What was found: sentences, the key figure, and how the claims stand.

        Parameters
        ----------
        more : str
            What the caption of the key figure says besides its question.
        """
        name = self.results.source.study.key_figure
        figure = "" if name is None else self.figure(name, more)
        verdicts = self.results.verdicts
        return Markdown(
            f"{neighbours(self.results.name)}{answer(self.results)}{figure}{self._run()}"
            f"{strip(verdicts)}"
        )

    def figure(self, name: str, more: str = "") -> Markdown:
        """One of the study's figures, with its code, its data and pictures to take away.

        Parameters
        ----------
        name : str
            As the study declares it; ``@fig-NAME`` refers to it.
        more : str
            What its caption says besides the question that it answers, in Markdown.
        """
        results = self.results
        declared = results.source.study.figures[name]
        code = source_of(
            declared.function,
            f"results = wellposed_studies.load({results.source.spec!r})",
            f"figure = results.figure({name!r})",
        )
        return exhibit(
            results.figure(name),
            name,
            f"{declared.question} {more}".strip(),
            declared.alt,
            code=code,
            file=f"{results.name}-{name}",
        )

    def slider(self, name: str, more: str = "") -> Markdown:
        """A figure that a slider makes interactive, if the study has data for it."""
        return slider(self.results, name, self.figure(name, more))

    def claims(self, tuned: str, note: str = "") -> Markdown:
        """The section on all claims: a figure, how to read it, and what did not hold.

        Print it in a cell with ``output: asis``, which headings need.

        Parameters
        ----------
        tuned : str
            What the study's author set by looking at runs with other seeds, such as "Sizes".
        note : str
            What else the intervals of this study mean, in Markdown.
        """
        results = self.results
        verdicts = results.verdicts
        code = (
            "import wellposed_studies\nfrom wellposed_studies.reporting.forest import forest\n\n"
            f"results = wellposed_studies.load({results.source.spec!r})\n"
            "figure = forest(results.verdicts)"
        )
        caption = (
            "Which claims held? The interval of each measured quantity against its threshold, the "
            "black line: right of it is what was claimed. Claims on one quantity with one "
            "threshold share a scale; each scale is as wide as its claims need. Numbers are values "
            "and their intervals, at the level that is left for one claim when all are tested "
            "together. @tbl-verdict has all claims word for word."
        )
        figure = exhibit(
            forest(verdicts),
            "claims",
            caption,
            described(verdicts),
            code=code,
            file=f"{results.name}-claims",
            data=verdicts.assign(standing=[standing(row) for row in verdicts.to_dict("records")]),
            narrowed=forest(verdicts, NARROW),
        )
        return Markdown(
            "\n## What held, and what did not {#sec-claims}\n\n"
            f"{tuned} were set on runs with other seeds, before the claims were tested.\n"
            f"{figure}{HOW_TO_READ.format(note=note)}\n{not_held(verdicts)}\n"
        )

    def closing(self, how: str = "") -> Markdown:
        """The sections that all reports end with: how it was run, all claims, references.

        Print it in a cell with ``output: asis``, which headings need.

        Parameters
        ----------
        how : str
            What else is to be said of how it was run, in Markdown.
        """
        return Markdown(
            f"\n## How it was run {{#sec-manifest}}\n\n{how}\n{self._record()}"
            f"\n## All claims {{#sec-all-claims}}\n{self._all_claims()}"
            "\n## References {.unnumbered}\n\n::: {#refs}\n:::\n"
        )

    def _record(self) -> Markdown:
        """How to run it again, the data, and the record of the run."""
        results = self.results
        data = captioned(
            data_table(results.manifest, results.data),
            "tbl-data",
            "The data. Train and test are the rows of one training set and those that measure "
            "its error; a dash is a number that changes from cell to cell or does not exist.",
        )
        run = captioned(manifest_block(results.manifest), "tbl-manifest", "The record of the run.")
        names = ", ".join(markdown(name) for name in results.data_names)
        said = f"\n\n- Data: {names}\n\n"
        return Markdown(f"{reproduce(results)}{said}{data}{run}")

    def _all_claims(self) -> Markdown:
        """The table of all claims, and since when they stand as they do."""
        verdicts = self.results.verdicts
        changes = last_changes(self.results.source.path, verdicts["statement"])
        caption = "What was claimed before the run, and what the run says."
        shown = captioned(verdict_table(verdicts, changes), "tbl-verdict", caption)
        return Markdown(f"{self._history(changes)}\n{shown}")

    def _history(self, changes: dict[str, Any]) -> str:
        if not changes:
            return (
                "\nThe study's files are not in a git checkout here, so that it cannot be shown "
                "when each claim was written; in a clone of the repository this section says it.\n"
            )
        n_before, n, last = committed_before(changes.values(), self.results.manifest["started"])
        text = (
            f"\nOf {n} statements, {n_before} stood with their thresholds in the repository before "
            f"this run began"
        )
        if last is not None:
            text += f", the last of them since commit {last.commit[:7]} of {last.date}"
        return text + ": the last column has the commit in which either was last changed.\n"

    def _run(self) -> str:
        """Which run the page is about."""
        results = self.results
        manifest = results.manifest
        found = tally(results.verdicts)
        text = (
            f"\n{found.claims} claims, each with a threshold, were declared before the run and "
            f"tested together; all of them are in @fig-claims. This run used the "
            f"*{results.profile}* profile: {repetitions(manifest)} of every setting.\n"
        )
        return text + own_table_note(results)
