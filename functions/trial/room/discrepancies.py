"""Discrepancies: how many by rule, site and state; each with its records and what was decided."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import wiring
from trial.commands import clarification
from trial.definition.discrepancies import CONTRADICTORY, NOTABLE, RULES
from trial.events.fields import LONGEST_TEXT
from trial.render.markup import EMPTY, Html, bdi, escape, html, joined
from trial.render.page.elements import unordered
from trial.reporting import discrepancies
from trial.reporting.discrepancies import FoundDiscrepancy
from trial.room import frame
from trial.room.frame import DASH, Crumb
from trial.room.routing import CHANGE, MANAGERS, READERS, PageRequest, page
from trial.store.discrepancy_states import OPEN, STATES, DiscrepancyState, StateChange
from trial.web import request_bodies
from trial.web.routing import Answer

_ONE = "/studies/{study}/discrepancies/{subject}/{discrepancy}"
_SEE_OTHER = 303
_LABELS: Mapping[DiscrepancyState, str] = {
    "answered": "answered: explained, or being corrected",
    "accepted": "accepted: right as it is",
    "open": "open: to be looked at",
}


@page("/studies/{study}/discrepancies", READERS, subjects=True)
def get_discrepancies(page_request: PageRequest) -> Answer:
    """Count discrepancies by rule and site, and list those that are chosen."""
    names = ("rule", "severity", "subject", "site", "state", "after", "skip")
    parameters = {
        name: page_request.parameter(name) for name in names if page_request.parameter(name)
    }
    query = discrepancies.parse_query(parameters)
    document, last = discrepancies.list_page(
        wiring.store(), wiring.discrepancy_states(), page_request.view, query
    )
    listed: Sequence[Mapping[str, Any]] = document["discrepancies"]  # type: ignore[assignment]
    after, skip = (last[0], str(last[1])) if last else ("", "")
    body = [
        frame.section("rules", "By rule and site", _counts(page_request, document)),
        frame.section(
            "each",
            "Each of them",
            _form(page_request, document),
            frame.data_table(
                "Discrepancies",
                frame.heads("Subject", "Rule", "Severity", "Detail", "Records", "State"),
                (_row(page_request, discrepancy) for discrepancy in listed),
                "None, as chosen.",
            ),
            frame.next_link(page_request, after=after, skip=skip),
        ),
    ]
    return frame.page_answer(page_request, "Discrepancies", body)


def _counts(page_request: PageRequest, document: Mapping[str, Any]) -> Html:
    """Write a row a rule, its states and the sites, each number with the way to what it counts."""
    sites = document["sites"]
    site_names = (site["site"] or "no site" for site in sites)
    heads = ["Rule", "Severity", "All", *map(str.capitalize, STATES), *site_names]

    def rows() -> Iterator[Sequence[Html]]:
        for rule in document["rules"]:
            name = rule["rule"]
            yield (
                bdi(rule["label"]),
                escape(rule["severity"]),
                _count(page_request, rule["count"], rule=name),
                *(
                    _count(page_request, rule["states"][state], rule=name, state=state)
                    for state in STATES
                ),
                *(_at_site(page_request, name, site) for site in sites),
            )

    none = "None: the records agree with each other."
    return frame.data_table("Discrepancies by rule and site", frame.heads(*heads), rows(), none)


def _at_site(page_request: PageRequest, rule: str, site: Mapping[str, Any]) -> Html:
    """Write how many of a rule a site has, and how many of them are open, where not all are."""
    count, open_count = site["rules"].get(rule, 0), site["open"].get(rule, 0)
    name = site["site"] or ""
    total_link = _count(page_request, count, rule=rule, site=name)
    if count == open_count:
        return total_link
    if not open_count:
        return html("{} (none open)", total_link)
    still_open = _count(page_request, open_count, rule=rule, site=name, state=OPEN)
    return html("{} ({} open)", total_link, still_open)


def _count(page_request: PageRequest, count: int, **filters: str) -> Html:
    if not count:
        return DASH
    return html('<a href="{}">{}</a>', page_request.link("discrepancies", **filters), count)


def _form(page_request: PageRequest, document: Mapping[str, Any]) -> Html:
    """Write the form that chooses among discrepancies."""
    present = [rule["rule"] for rule in document["rules"]]
    rules = [("", "all"), *((name, RULES[name].label) for name in present)]
    severities = [("", "all"), (CONTRADICTORY, CONTRADICTORY), (NOTABLE, NOTABLE)]
    sites = [("", "all"), *((s["site"], s["site"]) for s in document["sites"] if s["site"])]
    states = [("", "all"), *((state, state) for state in STATES)]
    return html(
        '<form class="fields" method="get" action="{}">{}{}{}{}'
        '<label>Subject <input name="subject" value="{}"></label>'
        "<button>Show these</button></form>\n",
        escape(page_request.request.path),
        frame.select("rule", "Rule", rules, page_request.parameter("rule")),
        frame.select("severity", "Severity", severities, page_request.parameter("severity")),
        frame.select("site", "Site", sites, page_request.parameter("site")),
        frame.select("state", "State", states, page_request.parameter("state")),
        escape(page_request.parameter("subject")),
    )


def _row(page_request: PageRequest, discrepancy: Mapping[str, Any]) -> Sequence[Html]:
    subject = discrepancy["subject"]
    link = page_request.link("discrepancies", subject, discrepancy["id"])
    latest = discrepancy["decisions"][-1:]
    return (
        html('<a href="{}">{}</a>', page_request.link("subjects", subject), escape(subject)),
        bdi(discrepancy["label"]),
        escape(discrepancy["severity"]),
        bdi(discrepancy["detail"]) if discrepancy["detail"] else DASH,
        _records(page_request, subject, discrepancy["records"]),
        html(
            '<a href="{}">{}</a>{}',
            link,
            escape(discrepancy["state"]),
            joined(html(": {}", bdi(decision["reason"])) for decision in latest),
        ),
    )


def _records(page_request: PageRequest, subject: str, records: Sequence[Mapping[str, str]]) -> Html:
    """Write records, each with a link to its rows of the journal."""
    names = (
        html(
            '<a href="{}">{}</a> <span class="quiet">{}</span>',
            page_request.link("subjects", subject, "history", records=f"{r['kind']}/{r['record']}"),
            escape(r["record"]),
            escape(r["kind"]),
        )
        for r in records
    )
    return unordered(names) or DASH


@page(_ONE, READERS, subjects=True)
def get_discrepancy(page_request: PageRequest) -> Answer:
    """Show a discrepancy: its records, what was decided of it, and the form that decides."""
    subject, name = page_request.parts["subject"], page_request.parts["discrepancy"]
    view, states = page_request.view, wiring.discrepancy_states()
    discrepancy = discrepancies.find_one(wiring.store(), states, view, subject, name)
    document: Mapping[str, Any] = discrepancy.document()
    earlier_decisions = (
        change
        for other, changes in states.of_subject(view.id, subject).items()
        for change in changes
        if other != name and change.rule == discrepancy.discrepancy.rule
    )
    facts = (
        ("State", html("<b>{}</b>", escape(discrepancy.state))),
        (
            "Subject",
            html('<a href="{}">{}</a>', page_request.link("subjects", subject), escape(subject)),
        ),
        ("Rule", bdi(document["label"])),
        ("Severity", escape(document["severity"])),
        ("Detail", bdi(document["detail"])),
        ("Records", _records(page_request, subject, document["records"])),
    )
    body = [
        html(
            '<dl class="source">{}</dl>\n',
            joined(html("<dt>{}</dt><dd>{}</dd>\n", escape(k), v) for k, v in facts if v),
        ),
        _deciding(page_request, discrepancy),
        frame.section(
            "decided", "What was decided of it", _decisions("Decisions", discrepancy.changes)
        ),
        frame.section(
            "earlier",
            "Of the same rule and subject, when the records were others",
            _decisions(
                "Earlier decisions",
                sorted(earlier_decisions, key=lambda change: change.decision.at),
            ),
        ),
    ]
    crumbs = [Crumb("Discrepancies", page_request.link("discrepancies"))]
    return frame.page_answer(page_request, "Discrepancy", body, crumbs=crumbs)


def _decisions(label: str, changes: Sequence[StateChange]) -> Html:
    rows = (
        (
            frame.instant(change.decision.at),
            frame.who(change.decision.principal),
            escape(change.state),
            bdi(change.decision.reason),
        )
        for change in changes
    )
    return frame.data_table(label, frame.heads("When", "Who", "State", "Why"), rows, "Nothing yet.")


def _deciding(page_request: PageRequest, discrepancy: FoundDiscrepancy) -> Html:
    """Write the form that changes the state, for those who may; what is decided is decided open."""
    if page_request.route.unblinded or not page_request.person.may(page_request.study, *MANAGERS):
        return EMPTY
    choices = [(state, label) for state, label in _LABELS.items() if state != discrepancy.state]
    fields = html(
        '<div class="fields">{}</div>\n<p><label>Why <span>(name no person)</span>'
        '<textarea name="reason" required maxlength="{}"></textarea></label></p>\n'
        '<p class="pages"><button class="main">Decide</button></p>',
        frame.select("state", "State", choices, choices[0][0]),
        LONGEST_TEXT,
    )
    path = page_request.path("discrepancies", discrepancy.subject, discrepancy.id)
    form = frame.form(path, page_request.request, fields, "panel")
    return frame.section("decide", "Decide", form)


@page(_ONE, MANAGERS, subjects=True, method="POST", action=CHANGE, twin=False)
def post_discrepancy(page_request: PageRequest) -> Answer:
    """Change the state of a discrepancy, with the reason."""
    subject, name = page_request.parts["subject"], page_request.parts["discrepancy"]
    form = page_request.request.fields
    values = {field: form.get(field, "").strip() for field in ("state", "reason")}
    body = request_bodies.parse_state(values)
    clarification.change_state(
        wiring.store(),
        wiring.discrepancy_states(),
        wiring.store().study(page_request.study),
        (subject, name),
        (body.state, page_request.person.principal, body.reason),
    )
    return Answer(_SEE_OTHER, {"Location": page_request.path("discrepancies", subject, name)})
