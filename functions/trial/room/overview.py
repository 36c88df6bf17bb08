"""A study as of now: its key results, its flow, and what does not add up, in one page."""

from collections import Counter
from collections.abc import Iterator

import wiring
from trial.deferred import dataclass
from trial.definition.study import Study
from trial.events.blinding import HIDDEN
from trial.render.consort import flow_svg
from trial.render.consort.alt_text import box_text, count_text, name
from trial.render.markup import EMPTY, Html, bdi, escape, html, joined
from trial.render.page import drawing, opening
from trial.render.page.elements import unordered
from trial.reporting import report
from trial.room import frame
from trial.room.routing import READERS, PageRequest, page
from trial.rules.categories import level_text
from trial.statistics.cells import Share
from trial.tables.flow import UNREPORTED
from trial.tables.grid import Box, Cut, Flow, KeyResult, RuleCount
from trial.web.routing import Answer

_SECONDS = 120
"""After how long the page is asked for anew."""


@dataclass(frozen=True)
class Overview:
    """What one state of the sums shows."""

    cut: Cut
    key_results: tuple[KeyResult, ...]
    flow: Flow
    discrepancies: tuple[RuleCount, ...]
    sets: tuple[tuple[str, int], ...]


def read_overview(view: Study) -> Overview:
    """Read all of it from one state of the sums."""

    def read(sums: Share) -> Overview:
        return Overview(
            report.live_cut(view, sums),
            report.summary(view, sums),
            report.flow(view, sums),
            report.discrepancies(view, sums, Counter()),
            report.analysis_set_sizes(view, sums),
        )

    return wiring.store().read_sums(view, read)


@page("/studies/{study}", READERS, subjects=False)
def get_overview(page_request: PageRequest) -> Answer:
    """Show the state of a study as of now."""
    view = page_request.view
    overview = read_overview(view)
    refreshes = page_request.parameter("refresh") != "off"
    seconds = _SECONDS if refreshes else 0
    body = [
        _state(page_request, overview),
        joined(
            opening.key_results(
                overview.key_results,
                lambda result: page_request.link("key-results", result.id, "subjects"),
            )
        ),
        _flow(page_request, overview),
        _sets(overview),
    ]
    title = "Overview"
    answer = frame.page_answer(
        page_request, title, body, lead=_lead(page_request, overview, refreshes=refreshes)
    )
    if not seconds:
        return answer
    return Answer(answer.status, {**answer.headers, "Refresh": str(seconds)}, answer.text)


def _lead(page_request: PageRequest, overview: Overview, *, refreshes: bool) -> Html:
    sentence, word = ("asks for itself anew every two minutes", "Stop this")
    if not refreshes:
        sentence, word = "stays as it is until you ask again", "Keep it up to date"
    return html(
        '<p class="completion">{}</p>\n<p class="quiet">This page {}. <a href="{}">{}</a></p>\n',
        escape(overview.cut.completion.text),
        escape(sentence),
        page_request.again(refresh="off" if refreshes else ""),
        escape(word),
    )


def _state(page_request: PageRequest, overview: Overview) -> Html:
    """Write the counts that say whether something has to be done, each with the way there."""
    counts = Counter[str]()
    for rule in overview.discrepancies:
        counts[rule.severity] += rule.count
    counts["contradictory"] += len(overview.flow.discrepancies)
    quarantined = wiring.store().count_quarantined(page_request.view.id)
    tiles = [
        html("<b>{}</b>accepted revisions", escape(f"{overview.cut.accepted:,}")),
        _tile(
            page_request, "discrepancies", counts["contradictory"], "contradictory discrepancies"
        ),
        _tile(page_request, "discrepancies", counts["notable"], "notable discrepancies"),
        _tile(page_request, "quarantine", quarantined, "refused events waiting"),
        _publication(page_request),
    ]
    return frame.section("state", "State", unordered(tiles, "tiles"))


def _tile(page_request: PageRequest, segment: str, count: int, label: str) -> Html:
    return html(
        '<b><a href="{}">{}</a></b>{}',
        page_request.link(segment),
        escape(f"{count:,}"),
        escape(label),
    )


def _publication(page_request: PageRequest) -> Html:
    """Write how the last publication went; when, could tell of a blinded study what nobody may."""
    rendering = wiring.reports().last_rendering(page_request.view.id)
    if rendering is None or not rendering["status"]:  # the first is under way, or waits
        return html("<b>\u2013</b>no documents published yet")
    if page_request.view.pooled:
        rendering |= dict.fromkeys(("at", "behind_since"), HIDDEN)
    behind = rendering["behind_since"] not in ("", HIDDEN)
    state = "behind" if behind else rendering["status"]
    when = EMPTY if rendering["at"] == HIDDEN else html(" {}", frame.instant(rendering["at"]))
    return html("<b>{}</b>last publication{}", escape(state), when)


def _flow(page_request: PageRequest, overview: Overview) -> Html:
    flow = overview.flow
    return frame.section(
        "flow",
        flow.title,
        drawing(flow_svg(flow, overview.cut), f"Diagram: {flow.title}", "flow"),
        html(
            "<details open><summary>Who is in each box</summary>\n{}</details>\n",
            _boxes(page_request, flow),
        ),
    )


def _boxes(page_request: PageRequest, flow: Flow) -> Html:
    """Write every box with the way to its subjects; those who left below the stage they left."""

    def lines() -> Iterator[Html]:
        for stage in flow.stages:
            side = unordered(_box(page_request, box) for box in stage.visible_side)
            for number, box in enumerate(stage.boxes, 1):
                below = side if number == len(stage.boxes) else EMPTY
                yield html("{}{}", _box(page_request, box), below)

    return unordered(lines())


def _box(page_request: PageRequest, box: Box) -> Html:
    arms = {arm.label: arm.id for arm in page_request.view.definition.arms}
    if box.n is None or box.arm not in ("", *arms):  # who has no arm is asked for by none
        return escape(box_text(box))
    arm = arms.get(box.arm, "")
    link = page_request.link("flow", box.id, "subjects", arm=arm)
    return html(
        '{}: <a href="{}">{}</a>{}',
        bdi(name(box)),
        link,
        escape(count_text(box)),
        _reasons(page_request, box, arm),
    )


def _reasons(page_request: PageRequest, box: Box, arm: str) -> Html:
    """Write the reasons of a box, each with the way to those who gave it."""
    flow = page_request.view.definition.flow
    boxes = [b for stage in flow.stages for b in (stage.box, *stage.side)] if flow else []
    reasons = next((b.reasons for b in boxes if b.id == box.id), None)
    named = (
        {reason.label: level_text(reason.value) for reason in reasons.values or ()}
        if reasons
        else {}
    )
    links = []
    for label, count in box.reasons:
        asking = (
            {"unreported": "yes"} if label == UNREPORTED else {"reason": named.get(label, label)}
        )
        link = page_request.link("flow", box.id, "subjects", arm=arm, **asking)
        links.append(html('{}: <a href="{}">{}</a>', bdi(label), link, count))
    return html(" ({})", joined(links, html("; "))) if links else EMPTY


def _sets(overview: Overview) -> Html:
    rows = [(bdi(label), escape(f"{size:,}")) for label, size in overview.sets]
    return frame.section(
        "sets",
        "Analysis sets",
        frame.data_table("Analysis sets", frame.heads("Set", "Subjects"), rows),
    )
