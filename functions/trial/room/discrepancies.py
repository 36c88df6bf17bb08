"""Discrepancies: how many by rule and site, and each of them with its records."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import wiring
from trial.definition.discrepancies import CONTRADICTORY, NOTABLE, RULES
from trial.render.markup import Html, bdi, escape, html
from trial.render.page.elements import unordered
from trial.reporting import discrepancies
from trial.room import frame
from trial.room.frame import DASH
from trial.room.routing import READERS, PageRequest, page
from trial.web.routing import Answer


@page("/studies/{study}/discrepancies", READERS, subjects=True)
def get_discrepancies(page_request: PageRequest) -> Answer:
    """Count discrepancies by rule and site, and list those that are chosen."""
    names = ("rule", "severity", "subject", "site", "after", "skip")
    parameters = {
        name: page_request.parameter(name) for name in names if page_request.parameter(name)
    }
    query = discrepancies.parse_query(parameters)
    document, last = discrepancies.list_page(wiring.store(), page_request.view, query)
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
                frame.heads("Subject", "Rule", "Severity", "Detail", "Records"),
                (_row(page_request, discrepancy) for discrepancy in listed),
                "None, as chosen.",
            ),
            frame.next_link(page_request, after=after, skip=skip),
        ),
    ]
    return frame.page_answer(page_request, "Discrepancies", body)


def _counts(page_request: PageRequest, document: Mapping[str, Any]) -> Html:
    """Write a row a rule and a column a site, each number with the way to what it counts."""
    sites = document["sites"]
    heads = ["Rule", "Severity", "All", *(site["site"] or "no site" for site in sites)]

    def rows() -> Iterator[Sequence[Html]]:
        for rule in document["rules"]:
            name = rule["rule"]
            yield (
                bdi(rule["label"]),
                escape(rule["severity"]),
                _count(page_request, rule["count"], name, ""),
                *(
                    _count(page_request, s["rules"].get(name, 0), name, s["site"] or "")
                    for s in sites
                ),
            )

    none = "None: the records agree with each other."
    return frame.data_table("Discrepancies by rule and site", frame.heads(*heads), rows(), none)


def _count(page_request: PageRequest, count: int, rule: str, site: str) -> Html:
    if not count:
        return DASH
    link = page_request.link("discrepancies", rule=rule, site=site)
    return html('<a href="{}">{}</a>', link, count)


def _form(page_request: PageRequest, document: Mapping[str, Any]) -> Html:
    """Write the form that chooses among discrepancies."""
    present = [rule["rule"] for rule in document["rules"]]
    rules = [("", "all"), *((name, RULES[name].label) for name in present)]
    severities = [("", "all"), (CONTRADICTORY, CONTRADICTORY), (NOTABLE, NOTABLE)]
    sites = [("", "all"), *((s["site"], s["site"]) for s in document["sites"] if s["site"])]
    return html(
        '<form class="fields" method="get" action="{}">{}{}{}'
        '<label>Subject <input name="subject" value="{}"></label>'
        "<button>Show these</button></form>\n",
        escape(page_request.request.path),
        frame.select("rule", "Rule", rules, page_request.parameter("rule")),
        frame.select("severity", "Severity", severities, page_request.parameter("severity")),
        frame.select("site", "Site", sites, page_request.parameter("site")),
        escape(page_request.parameter("subject")),
    )


def _row(page_request: PageRequest, discrepancy: Mapping[str, Any]) -> Sequence[Html]:
    subject = discrepancy["subject"]
    records = (
        html(
            '<a href="{}">{}</a> <span class="quiet">{}</span>',
            page_request.link("subjects", subject, "history", records=f"{r['kind']}/{r['record']}"),
            escape(r["record"]),
            escape(r["kind"]),
        )
        for r in discrepancy["records"]
    )
    return (
        html('<a href="{}">{}</a>', page_request.link("subjects", subject), escape(subject)),
        bdi(discrepancy["label"]),
        escape(discrepancy["severity"]),
        bdi(discrepancy["detail"]) if discrepancy["detail"] else DASH,
        unordered(records) or DASH,
    )
