"""How a study gets on: who was recruited when and where, and which visits took place."""

from builders import contact, death, disposition, enrolment, entry, subjects, tiny, viral_load
from parallel import parallel, randomised

from trial.events.envelope import Entry
from trial.reporting.progress import Progress, progress


def of(*entries: Entry) -> Progress:
    return progress(tiny(), subjects(entries))


def visits(state: Progress) -> dict[str, tuple[int, int, int, int]]:
    return {v.label: (v.due, v.recorded, v.missed, v.lacking) for v in state.visits}


def test_nobody_is_nothing() -> None:
    state = of()
    assert (state.subjects, state.recruited, state.sites, state.visits) == (0, (), (), ())
    assert state.figure.series == ()


def test_recruitment_adds_up_by_month_and_by_site() -> None:
    state = of(
        enrolment(0, "S-1", site="1"),
        enrolment(29, "S-2", site="2"),
        enrolment(31, "S-3", site="1"),
        disposition(40, "completed", "S-1"),
        viral_load(1, 100, subject="S-4"),  # nobody enrolled this one
    )
    assert state.subjects == 4
    assert state.recruited == (("enrolled", (("2015-06", 2), ("2015-07", 1))),)
    assert state.sites == (("1", 2, 1), ("2", 1, 0))
    (series,) = state.figure.series
    assert [(m.label, m.x, m.y) for m in series.marks] == [
        ("2015-06", "0", "2"),
        ("2015-07", "31", "3"),
    ]


def test_those_randomised_are_counted_beside_those_enrolled() -> None:
    study = parallel([{"summary": "age"}])
    states = subjects([enrolment(0, "S-1"), enrolment(0, "S-2"), randomised("a", "S-1")])
    state = progress(study, states)
    assert [name for name, _ in state.recruited] == ["enrolled", "randomised"]
    assert [sum(n for _, n in by_month) for _, by_month in state.recruited] == [2, 1]


def test_a_visit_is_due_took_place_was_missed_or_lacks() -> None:
    contacts = contact(0, "S-1"), contact(60, "S-1", visit="week-5")
    missed = contact(0, "S-2"), entry("visit.missed", "S-2", visit="day-7", reason="Ill")
    state = of(enrolment(0, "S-1"), *contacts, enrolment(0, "S-2"), *missed)
    assert visits(state) == {
        "Day 0": (2, 2, 0, 0),
        "Day 7": (2, 0, 1, 1),
        "Day 14": (1, 0, 0, 1),
        "Week 5": (1, 1, 0, 0),
    }


def test_what_is_not_yet_due_lacks_nothing() -> None:
    assert visits(of(enrolment())) == {}


def test_a_visit_that_took_place_after_all_was_not_missed() -> None:
    state = of(
        enrolment(), contact(0), entry("visit.missed", record="M", visit="day-0", reason="Late")
    )
    assert visits(state)["Day 0"] == (1, 1, 0, 0)


def test_who_had_left_before_a_visit_does_not_lack_it_and_who_left_after_it_does() -> None:
    state = of(enrolment(), contact(0), contact(20), disposition(21, "discontinued"))
    counts = {v.label: (v.recorded, v.left, v.lacking) for v in state.visits}
    assert counts == {
        "Day 0": (1, 0, 0),
        "Day 7": (0, 0, 1),
        "Day 14": (0, 0, 1),
        "Week 5": (0, 1, 0),
    }


def test_all_visits_of_the_dead_are_due_and_superseded_ids_count_nowhere() -> None:
    state = of(
        enrolment(), death(3), enrolment(0, "S-2"), entry("subject.superseded", "S-2", by="S-1")
    )
    assert state.subjects == 1
    assert {v.due for v in state.visits} == {1}
    assert len(state.visits) == 4
