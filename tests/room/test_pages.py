"""The pages of the room: every link leads somewhere, every number to as many as it counts."""

import hashlib
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pytest
from blinded import SOURCES, listing, study_of
from builders import adverse_event, coding, dose, enrolment, event, viral_load
from parallel import TOTAL, A, B, randomised
from rooms import (
    ADMINISTRATOR,
    EVERYTHING,
    MANAGER,
    READER,
    TOKEN,
    UNBLINDED,
    Room,
    links,
    person,
    text_of,
)

from local.feed import read_definition
from trial import room as pages
from trial.definition.study import Study
from trial.events.envelope import Entry
from trial.room import frame, trail
from trial.room.routing import READERS, page
from trial.store.encoding import sealing
from trial.web.access.person import Role

EXAMPLE = Path(__file__).parents[2] / "events" / "example"
START = "/studies/DEMO-1"
NOT_SHOWN = re.compile(r"<script|<style| style=| on[a-z]+=|javascript:", re.IGNORECASE)
HOSTILE = '"><script>alert(1)</script><a href="javascript:x">'
NUMBER = re.compile(r'<a href="([^"]*/tables/[^"]*/subjects[^"]*)">([^<]*)<')
VOID = {"meta", "link", "input", "br", "img", "path", "rect", "polyline", "polygon"}


class Example:
    """The guide's example in a room: published, with a cut, a correction, and a second cut."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.room = Room(patch)
        self.study: Study = self.room.define(
            json.dumps(read_definition(EXAMPLE / "definition.yaml"))
        )
        lines = (EXAMPLE / "feed.ndjson").read_text(encoding="utf-8").splitlines()
        self.room.record(self.study, lines)
        unknown = json.loads(lines[0])
        unknown["data"]["ward"] = "7"
        self.room.record(self.study, [json.dumps(unknown | {"id": "refused"})])
        self.room.record(self.study, [_hostile(lines)])
        self.room.publish(self.study)
        self.cuts = [self._cut("First look")]
        corrected = _corrected(lines)
        self.room.record(self.study, [corrected])
        self.cuts.append(self._cut("After the correction"))
        self.room.publish(self.study)

    def _cut(self, reason: str) -> str:
        self.room.clock.pause(100)
        answer = self.room.answer(f"{START}/cuts", READER, "POST", csrf=TOKEN, reason=reason)
        assert answer.status == 303
        self.room.make_reports(self.study)
        self.room.clock.pause(100)
        return answer.headers["Location"].rpartition("/")[2]


def _hostile(lines: list[str]) -> str:
    """Give an adverse event whose term would run, if anything let it, serious by no criterion."""
    value = next(v for v in map(json.loads, lines) if v["data"].get("term") == "Cough")
    value["data"] |= {"record": "AE-9", "term": HOSTILE, "serious": True}
    return json.dumps(value | {"id": "hostile"})


def _problem(pointer: str, detail: str) -> dict[str, object]:
    errors = [{"pointer": pointer, "detail": detail}]
    return {"title": "Event not accepted", "status": 422, "errors": errors}


def _corrected(lines: list[str]) -> str:
    """Give the correction of a result, which moves a number."""
    values = [json.loads(line) for line in lines]
    value = next(v for v in values if v["data"].get("result") == "130")
    value["data"] |= {"revision": 2, "result": "145", "reason_for_change": "Misread"}
    return json.dumps(value | {"id": "corrected"})


@pytest.fixture(scope="module")
def example() -> Iterator[Example]:
    with pytest.MonkeyPatch.context() as patch:
        yield Example(patch)


class Outline(HTMLParser):
    """Checks that elements are closed in order; counts ids and elements."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: Counter[str] = Counter()
        self.tags: Counter[str] = Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.ids.update(value for name, value in attrs if name == "id" and value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def crawl(room: Room, start: str, who: object = EVERYTHING, most: int = 400) -> dict[str, str]:
    """Follow every link from a page on; give each page that there is."""
    found: dict[str, str] = {}
    waiting = [start]
    while waiting and len(found) < most:
        path = waiting.pop(0)
        if path in found:
            continue
        answer = room.answer(path, who)  # type: ignore[arg-type]
        assert answer.status in {200, 303}, (path, text_of(answer.text))
        found[path] = answer.text or answer.headers.get("Location", "")
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            waiting += [link for link in links(answer.text) if link.startswith("/")]
    return found


def test_every_link_leads_to_a_page_that_is_well_formed_and_needs_no_script(
    example: Example,
) -> None:
    found = crawl(example.room, "/")
    assert len(found) > 150
    for path, text in found.items():
        if not text.startswith("<!DOCTYPE"):
            continue
        assert not NOT_SHOWN.search(text.replace("javascript:x&quot;", "")), path
        assert all(link.startswith(("/", "#")) for link in links(text)), path
        outline = Outline()
        outline.feed(text)
        assert outline.open == [], path
        assert outline.tags["h1"] == outline.tags["main"] == 1, path
        assert max(outline.ids.values()) == 1, path
    # Each kind of page was come by, but those that only forms lead to.
    reached = {
        route.path
        for route in pages.ROUTES
        for path in found
        if route.method == "GET" and route.parts(path.partition("?")[0]) is not None
    }
    open_pages = {r.path for r in pages.ROUTES if r.method == "GET" and not r.unblinded}
    assert open_pages - reached == {
        "/assets/{file}",
        "/studies/{study}/compare",
        "/studies/{study}/cuts/{cut}/zip",
        "/studies/{study}/definition/versions/{digest}/changes-since/{base}",
    }


def test_a_term_is_shown_as_it_was_reported_and_does_nothing(example: Example) -> None:
    for path in (f"{START}/subjects/D-1", f"{START}/listings/16.2.7"):
        shown = example.room.page(path)
        assert "&lt;script&gt;alert(1)" in shown, path
        assert HOSTILE in text_of(shown), path


def test_the_first_page_is_small(example: Example) -> None:
    for path in ("/", START):
        page_bytes = len(example.room.page(path).encode())
        dress = sum(len(a.content.encode()) for a in pages.assets.assets().values())
        assert page_bytes + dress < 100_000, path


def test_each_count_of_a_table_leads_to_as_many_subjects(example: Example) -> None:
    tried = 0
    for table in example.study.definition.tables:
        markup = example.room.page(f"{START}/tables/{table.id}")
        for link, shown in re.findall(
            r'<a href="([^"]*/tables/[^"]*/subjects[^"]*)">([^<]*)<', markup
        ):
            path = link.replace("&amp;", "&")
            listed = text_of(example.room.page(path))
            count = re.search(r"(\d+) of \d+ subjects looked at", listed)
            assert count is not None
            size = re.fullmatch(r"\(N = (\d+)\)", shown)
            if (shown.isdecimal() or size) and "statistic=events" not in path:
                expected = int(size[1] if size else shown)
                assert int(count[1]) == expected, (path, shown)
                tried += 1
    assert tried > 15


def test_each_mark_of_a_figure_leads_to_as_many_subjects(example: Example) -> None:
    markup = example.room.page(f"{START}/figures/14.2.1")
    cells = r'<a href="([^"]*/figures/[^"]*/subjects[^"]*)">[^<]*</a></td><td>[^<]*</td><td>(\d+)'
    marks = re.findall(cells, markup)
    assert len(marks) == 6
    for link, count in marks:
        shown = text_of(example.room.page(link.replace("&amp;", "&")))
        assert f"{count} of 4 subjects looked at" in shown


def test_the_marks_that_one_cell_of_the_table_holds_lead_to_its_subjects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sources = {
        "dots": ("14.3", "terms", []), "box": ("14.1", "age", ["placebo", "drug"]),
        "stacked": ("14.1", "age-group", ["placebo", "drug"]),
        "forest": ("14.2", "responders", ["against"]),
    }  # fmt: skip
    definition = read_definition(EXAMPLE / "definition.yaml")
    definition["figures"] = [
        {"id": kind, "title": kind, "population": "All", "kind": kind, "x_label": "x",
         "y_label": "y", "source": {"table": table, "row": row, "columns": columns}}
        for kind, (table, row, columns) in sources.items()
    ]  # fmt: skip
    room = Room(monkeypatch)
    study = room.define(json.dumps(definition))
    room.record(study, (EXAMPLE / "feed.ndjson").read_text(encoding="utf-8").splitlines())
    row_of = re.compile(r'<a href="([^"]*/tables/[^"]*/subjects[^"]*)">[^<]*</a></td>'
                        r"<td>[^<]*</td><td>([^<]*)")  # fmt: skip
    for kind in ("dots", "box", "stacked"):
        marks = row_of.findall(room.page(f"/studies/{study.id}/figures/{kind}"))
        assert marks, kind
        for link, count in marks:
            shown = text_of(room.page(link.replace("&amp;", "&")))
            assert f"{count} of 4 subjects looked at" in shown, (kind, link)
    ((link, _),) = row_of.findall(room.page(f"/studies/{study.id}/figures/forest"))
    assert link in room.page(f"/studies/{study.id}/tables/14.2")
    assert "1 of 4 subjects looked at" in text_of(room.page(link.replace("&amp;", "&")))


def test_the_numbers_of_a_lying_figure_stand_under_their_own_heads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = EXAMPLE.parent / "tmb-301"
    definition = read_definition(folder / "definition.yaml")
    lying = [figure["id"] for figure in definition["figures"] if figure["kind"] == "dots"]
    room = Room(monkeypatch)
    study = room.define(json.dumps(definition))
    lines = (folder / "feed.ndjson").read_text(encoding="utf-8").splitlines()
    kinds = "subject.enrolled", "dose.", "adverse-event"
    room.record(study, [line for line in lines if any(kind in line for kind in kinds)][:260])
    assert lying
    for name in lying:
        markup = room.page(f"/studies/{study.id}/figures/{name}")
        head, _, body = markup.partition("Its numbers")[2].partition("<tbody>")
        heads = re.findall(r"<th scope[^>]*>(.*?)</th>", head)
        assert [heads[0], heads[3], heads[4]] == ["Series", "Interval", "n"]
        assert "%" in heads[2]
        rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in body.split("<tr")[1:]]
        values = [(text_of(term), float(text_of(value))) for term, value, *_ in rows]
        assert values
        for term, value in values:
            assert not term.isdecimal()
            assert 0 < value <= 100


def test_key_results_and_boxes_lead_to_their_subjects(example: Example) -> None:
    markup = example.room.page(START)
    boxes = re.findall(r'<a href="([^"]*/flow/[^"]*)">n = (\d+)', markup)
    assert len(boxes) > 2
    for link, count in boxes:
        assert f"{count} of " in text_of(example.room.page(link.replace("&amp;", "&")))
    reasons = re.findall(r'MOVED</bdi>: <a href="([^"]*/flow/[^"]*)">(\d+)', markup)
    assert len(reasons) == 1
    ((link, count),) = reasons
    assert f"{count} of " in text_of(example.room.page(link.replace("&amp;", "&")))
    assert "key-results/" in markup


def test_a_subject_has_its_picture_its_records_and_its_journal(example: Example) -> None:
    listed = example.room.page(f"{START}/subjects")
    subject = next(link for link in links(listed) if re.search(r"/subjects/[^/]+$", link))
    markup = example.room.page(subject)
    assert 'role="img"' in markup
    assert "Records in order of time" in markup
    assert "the chain of their hashes is unbroken" in text_of(markup)
    rows = text_of(example.room.page(f"{subject}/history"))
    assert "upstream" in rows
    name = subject.rpartition("/")[2]
    found = example.room.answer(f"{START}/subjects?subject={name}")
    assert (found.status, found.headers["Location"]) == (303, subject)
    assert example.room.answer(f"{START}/subjects?subject=nobody").status == 404


def test_an_earlier_revision_says_by_which_it_is_replaced(example: Example) -> None:
    corrected = [
        (stored.id, record)
        for stored in example.room.store.subjects(example.study)
        for record in stored.subject.records.values()
        if record.revision > 1
    ]
    assert corrected
    for subject, record in corrected:
        rows = text_of(example.room.page(f"{START}/subjects/{subject}/history"))
        assert f"replaced by {record.revision}" in rows


def test_a_subject_s_page_has_its_narrative_and_leads_to_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = Room(monkeypatch)
    told = {"id": "n", "title": "Serious", "population": "All", "paragraphs": [
        {"text": "{subject} was given {arm}"}],
        "subjects": {"adverse_event": {"serious": True}}}  # fmt: skip
    study = study_of([{"count": "enrolled"}], [A, B, TOTAL], narratives=[told])
    room.define(study.source)
    events = enrolment(), randomised("a", "S-1"), adverse_event(9, serious=True)
    room.record(study, [entry.body for entry in (*events, enrolment(subject="S-2"))])
    path = f"/studies/{study.id}/subjects"
    markup = room.page(f"{path}/S-1")
    assert "S-1 was given (blinded)" in text_of(markup)
    assert f'href="/studies/{study.id}/documents/live/narratives.html"' in markup
    assert "was given" not in text_of(room.page(f"{path}/S-2"))
    unblinded = text_of(room.page(f"/unblinded{path}/S-1", UNBLINDED))
    assert "S-1 was given Drug" in unblinded


def test_people_are_called_as_their_issuer_calls_them() -> None:
    assert text_of(frame.who("https://issuer.example#alice")) == "alice"
    assert 'title="https://issuer.example#alice"' in frame.who("https://issuer.example#alice")
    assert frame.who("arn:aws:iam::1:user/edc") == "arn:aws:iam::1:user/edc"


def test_a_cut_is_asked_for_made_compared_and_taken_away(example: Example) -> None:
    first, second = example.cuts
    listed = text_of(example.room.page(f"{START}/cuts"))
    assert "After the correction" in listed
    assert "First look" in listed
    assert "issuer|somebody" in listed
    compared = text_of(example.room.page(f"{START}/cuts/{second}/changes-since/{first}"))
    assert "Misread" in compared
    assert "1 subjects could have moved a number" in compared
    chosen = example.room.answer(f"{START}/compare?new={second}&old={first}")
    assert chosen.headers["Location"] == f"{START}/cuts/{second}/changes-since/{first}"
    packed = example.room.answer(f"{START}/cuts/{second}/zip")
    with zipfile.ZipFile(BytesIO(packed.content)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        names = {entry["name"] for entry in manifest["files"]}
        assert {*archive.namelist()} == names | {"manifest.json"}
        for entry in manifest["files"]:
            digest = hashlib.sha256(archive.read(entry["name"])).hexdigest()
            assert digest == entry["sha256"]
    assert packed.event()["isBase64Encoded"]
    again = example.room.answer(f"{START}/cuts/{second}/zip")
    assert again.content == packed.content
    shown = example.room.page(f"{START}/cuts/{second}")
    assert all(entry["sha256"] in shown for entry in manifest["files"])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"as_of": "2999-01-01T00:00"}, "must be at least 60 s ago"),
        ({"cutoff": "soon"}, "cutoff"),
        ({"look": "none-such"}, "look"),
        ({"final": "yes"}, "reason"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_words(
    example: Example, fields: dict[str, str], expected: str
) -> None:
    answer = example.room.answer(f"{START}/cuts", READER, "POST", csrf=TOKEN, **fields)
    assert answer.status == 422
    assert expected in text_of(answer.text)
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_form_that_is_none_is_refused(example: Example) -> None:
    request = pages.RoomRequest("POST", f"{START}/cuts", body=b"{}", content_type="text/plain")
    assert pages.serve(request, READER).status == 415
    request = pages.RoomRequest("POST", f"{START}/cuts", body=b"x" * 30_000)
    assert pages.serve(request, READER).status == 413
    many = "&".join(f"f{number}=1" for number in range(300))
    request = pages.RoomRequest("POST", f"{START}/cuts", body=many.encode())
    assert pages.serve(request, READER).status == 400
    assert pages.serve(pages.RoomRequest("GET", START, many), READER).status == 400


def test_refused_events_say_what_is_wrong_and_are_tried_again_by_those_who_may(
    example: Example,
) -> None:
    shown = example.room.page(f"{START}/quarantine", MANAGER)
    assert "<b>ward</b>" in shown
    assert "Try those that wait again" in shown
    assert "Try those that wait again" not in example.room.page(f"{START}/quarantine", READER)
    path = f"{START}/quarantine/redrive"
    assert example.room.answer(path, READER, "POST", csrf=TOKEN).status == 403
    tried = example.room.answer(path, MANAGER, "POST", csrf=TOKEN, reason="Mapping mended")
    assert "1 were tried: 0 are accepted now, 1 still wait" in text_of(tried.text)


def test_discrepancies_are_counted_by_rule_and_site(example: Example) -> None:
    shown = text_of(example.room.page(f"{START}/discrepancies"))
    assert "By rule and site" in shown
    answer = example.room.answer(f"{START}/discrepancies?rule=no-such-rule")
    assert answer.status == 422
    assert "rule" in text_of(answer.text)


def test_the_definition_is_shown_in_words_as_shells_and_with_its_changes(example: Example) -> None:
    shown = text_of(example.room.page(f"{START}/definition"))
    assert "First version" in shown
    assert "sponsor" in shown
    words = example.room.page(f"{START}/definition/words")
    assert example.study.definition.tables[1].rows[0].label in words
    shells = text_of(example.room.page(f"{START}/definition/shells"))
    assert "(N = 0)" in shells
    digest = example.study.digest
    same = f"{START}/definition/versions/{digest}/changes-since/{digest}"
    assert "They do not differ" in text_of(example.room.page(same))


@pytest.mark.parametrize(
    ("resource", "subject"),
    [
        ("/studies/subjects/tables/14.1", ""),
        ("/studies/discrepancies/subjects/S%20-1/history?records=a", "S -1"),
        ("/studies/S/tables/subjects/subjects", ""),
        ("/studies/S/unblinded/subjects/S-1/profile", "S-1"),
        ("/unblinded/studies/subjects/subjects/S-1", "S-1"),
        ("/studies/S/discrepancies/subjects/0f", "subjects"),
        ("/studies/S/subjects/discrepancies", "discrepancies"),
        ("/studies/S/subjects", ""),
    ],
)
def test_a_deed_is_of_the_subject_that_its_path_names(resource, subject):
    assert trail.Deed("", "", "read", resource, "").subject == subject


def test_the_trail_is_chosen_by_person_period_and_subject(example: Example) -> None:
    wired = pages.routing.wiring.activities()
    wired.note(example.study.id, "alice", "read", f"{START}/subjects/S-77", "")
    wired.note(example.study.id, "bob", "download", f"{START}/documents/live/x", "Weekly")

    def rows(query: str) -> str:
        return text_of(example.room.page(f"{START}/trail?{query}", ADMINISTRATOR))

    assert "alice" in rows("")
    assert "bob" not in rows("person=ALI")
    assert "S-77" in rows("subject=S-77")
    # A file may have shown any subject, and is told apart from what was of this one.
    of_other = rows("subject=S-7")
    assert "alice" not in of_other
    assert "bob" not in of_other.partition("Lists and files that may have shown")[0]
    assert "Weekly" in of_other.partition("Lists and files that may have shown")[2]
    assert "Weekly" not in rows("subject=S-7&person=alice")
    assert "alice" not in rows("to=2020-01-01")
    assert "alice" not in rows("from=2999-01-01")


def test_a_first_publication_that_goes_on_is_none_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(monkeypatch)
    study = room.define(json.dumps(read_definition(EXAMPLE / "definition.yaml")))
    room.reports.note_blocks(study.id, 64, 300)
    assert "no documents published yet" in room.page(START)


def test_the_overview_asks_for_itself_anew_until_that_is_stopped(example: Example) -> None:
    assert example.room.answer(START).headers["Refresh"] == "120"
    stopped = example.room.answer(f"{START}?refresh=off")
    assert "Refresh" not in stopped.headers
    assert "Stop this" in example.room.page(START)


# Who may see what


def test_a_page_without_a_role_cannot_be_registered() -> None:
    with pytest.raises(ValueError, match="no role"):
        page("/studies/{study}/open-to-all", frozenset(), subjects=False)
    assert all(route.roles for route in pages.ROUTES)


def test_a_page_of_single_subjects_says_so() -> None:
    """Whoever sees one is noted: pages that name subjects in their path or list them are told."""
    for route in pages.ROUTES:
        if "subject" in route.path or route.path.endswith(("/csv", "/zip")):
            assert route.subjects, route.path


@pytest.mark.parametrize(
    ("who", "path", "expected"),
    [
        (READER, START, 200),
        (READER, f"{START}/trail", 403),
        (ADMINISTRATOR, f"{START}/trail", 200),
        (ADMINISTRATOR, START, 403),
        (ADMINISTRATOR, f"{START}/definition", 200),
        (person("submitter"), START, 403),
        (person("reader", study="OTHER"), START, 404),
        (person(), START, 404),
        (person(), "/", 403),
        (READER, "/studies/NONE", 404),
        (READER, f"/unblinded{START}", 403),
        (UNBLINDED, f"/unblinded{START}", 404),
        (READER, f"{START}/tables/%2e%2e%2fx", 404),
        (READER, f"{START}/figures/none", 404),
        (READER, f"{START}/tables/none", 404),
        (READER, f"{START}/listings/none", 404),
        (READER, f"{START}/cuts/none", 404),
        (READER, f"{START}/cuts/none/zip", 404),
        (READER, f"{START}/documents/live/none", 404),
        (READER, f"{START}/definition/versions/none", 404),
        (READER, f"{START}/subjects/none", 404),
        (READER, "/assets/none.css", 404),
    ],
)
def test_denial_is_the_default(example: Example, who: object, path: str, expected: int) -> None:
    answer = example.room.answer(path, who)  # type: ignore[arg-type]
    assert answer.status == expected, text_of(answer.text)
    assert answer.headers["Content-Type"].startswith("text/html")


def test_the_list_of_studies_leads_where_the_person_may_go(example: Example) -> None:
    assert START in links(example.room.page("/", READER))
    assert f"{START}/definition" in links(example.room.page("/", ADMINISTRATOR))
    submitter = example.room.page("/", person("submitter"))
    assert "DEMO-1" in submitter
    assert not [link for link in links(submitter) if link.startswith(START)]


def test_contents_lead_only_to_what_the_person_may_see(example: Example) -> None:
    shown = example.room.page(f"{START}/definition", ADMINISTRATOR)
    assert f"{START}/trail" in links(shown)
    assert f"{START}/tables" not in links(shown)
    assert f"{START}/trail" not in links(example.room.page(START))


def test_what_a_person_may_see_follows_from_the_roles_alone() -> None:
    for route in pages.ROUTES:
        for role in Role:
            somebody = person(role)
            held = somebody.roles["*"]
            assert route.allows(somebody, "ANY") == bool(held & route.roles)
    assert {r.path for r in pages.ROUTES if r.unblinded and READERS & r.roles} == set()


# Blinding


BLINDED = study_of(
    [{"summary": "age"}, {"count": "enrolled"}, {"count": "in-a"}, {"events": {}}],
    [A, B, TOTAL],
    listings=[listing(name, sources) for name, sources in SOURCES.items()],
).source


def drawn_feed(arms: str) -> list[Entry]:
    """Give a subject for each arm, whose treatment is named after it."""
    entries = []
    for i, arm in enumerate(arms):
        name = f"S-{i}"
        treatment, amount = {"a": ("drug", 800), "b": ("placebo", 5)}[arm]
        entries += [
            enrolment(subject=name, age=30 + i),
            randomised(arm, name),
            dose(subject=name, treatment=treatment, amount=amount),
            viral_load(0, 5000, subject=name),
            adverse_event(subject=name),
            coding(subject=name),
        ]
    return entries


def blinded(patch: pytest.MonkeyPatch, arms: str) -> tuple[Room, Study]:
    patch.setattr(sealing.secrets, "token_bytes", bytes)
    room = Room(patch)
    study = room.define(BLINDED)
    room.record(study, drawn_feed(arms))
    telling = event("subject.randomised", "S-9", date="2015-06-01", arm=arms[0], ward=arms[0])
    for body in (telling, event("dose.given", "S-9", treatment=arms[0])):
        room.store.quarantine(
            study.id, json.dumps(body), _problem(f"/data/{arms[0]}", arms[0]), "edc"
        )
    room.publish(study)
    return room, study


def test_open_pages_of_a_blinded_study_are_the_same_whatever_the_arms() -> None:
    shown = []
    for arms in ("ab", "ba"):
        with pytest.MonkeyPatch.context() as patch:
            room, study = blinded(patch, arms)
            somebody = person("reader", "administrator", "data-manager")
            found = crawl(room, f"/studies/{study.id}", somebody)
            assert len(found) > 40
            assert all(not path.startswith("/unblinded") for path in found)
            shown.append(found)
    first, second = shown
    assert first.keys() == second.keys()
    for path, text in first.items():
        assert text == second[path], path


def test_unblinded_pages_tell_arms_and_say_so() -> None:
    shown = []
    for arms in ("ab", "ba"):
        with pytest.MonkeyPatch.context() as patch:
            room, study = blinded(patch, arms)
            start = f"/unblinded/studies/{study.id}"
            found = crawl(room, start, UNBLINDED, most=60)
            assert "Unblinded: this page tells arms apart" in text_of(found[start])
            assert room.answer(start, READER).status == 403
            shown.append(room.page(f"{start}/subjects/S-0", UNBLINDED))
    assert shown[0] != shown[1]
