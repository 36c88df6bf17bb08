"""The narratives as a page: a part a subject, linked from the contents, whatever the texts are."""

import re
from html.parser import HTMLParser

import builders
import samples
from builders import adverse_event, enrolment, tiny

from trial.render.narratives import narratives_page
from trial.tables.grid import Narratives, Report

HOSTILE = '<script>alert("1 & 2")</script>\u202e</p></section>'


def report(*terms: str) -> Report:
    told = {"id": "n", "title": "Serious & fatal", "population": "All", "paragraphs": [
        {"text": "Subject {subject}"},
        {"records": "adverse-event.reported", "text": "{term}"}],
        "subjects": {"adverse_event": {"serious": True}}}  # fmt: skip
    entries = [
        entry
        for number, term in enumerate(terms, 1)
        for entry in (
            enrolment(subject=f"S-{number}"),
            adverse_event(9, "A", f"S-{number}", term=term, serious=True),
        )
    ]
    return builders.report_of(tiny(narratives=[told]), entries)


class Outline(HTMLParser):
    """Reads ids, the links within the page, and what is open at the end."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name == "href" and (value or "").startswith("#"):
                self.links.append((value or "")[1:])


def page(shown: Report) -> str:
    return "".join(narratives_page(shown.cut, shown.narratives))


def test_each_subject_has_a_part_and_the_contents_lead_to_it():
    outline = Outline(page(report("Rash", "Fever")))
    assert len(outline.ids) == len(set(outline.ids))
    assert set(outline.links) <= set(outline.ids)
    assert outline.tags.count("h3") == 2
    assert {"narratives-n:S-1", "narratives-n:S-2"} <= set(outline.links)
    assert "script" not in outline.tags


def test_texts_are_written_as_texts():
    text = page(report(HOSTILE))
    assert "<script" not in text
    assert "&lt;script&gt;alert" in text
    assert text.count("</section>") == 2
    assert "Serious &amp; fatal" in text


def test_of_nobody_it_says_so():
    text = page(report())
    assert re.search("All</bdi> \u00b7 none", text)


def test_it_is_a_file_of_a_cut_that_has_some_and_the_report_leads_to_it():
    files = builders.files_of(report("Rash"))
    assert b"Rash" in files["narratives.html"]
    assert b'href="./narratives.html"' in files["report.html"]
    assert "narratives.html" not in builders.files_of(samples.trial())


def test_two_templates_of_like_ids_have_anchors_of_their_own():
    rows = [("S-1", "Text"), ("b-S-1", "Text")]
    several = [Narratives(name, name, "All", rows) for name in ("a/b", "a b", "a.b", "a")]
    outline = Outline("".join(narratives_page(samples.trial().cut, several)))
    assert len(outline.ids) == len(set(outline.ids))
