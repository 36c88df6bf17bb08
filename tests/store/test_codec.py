"""Subjects and shares survive their bytes, whatever they hold; and old bytes can be read."""

import hashlib
from decimal import Decimal
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from trial.events import envelope, json_body
from trial.events.envelope import Entry
from trial.events.json_body import canonical
from trial.statistics.cells import Share
from trial.statistics.moments import Moments
from trial.statistics.ranges import count_of
from trial.store import keys
from trial.store.encoding import dictionary, subjects
from trial.store.encoding.shares import decode_share, encode_share
from trial.subject.fold import Subject, fold, fold_all

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ["", "\n", "\t\f\v\\", "\\n", "=", "{", "[", "2015-07-01", "a" * 300, '"', "\x00"]
)
NUMBERS = st.one_of(
    st.integers(-(10**45), 10**45).map(str).map(json_body.read_json),  # some stay decimal
    st.sampled_from(["1.50", "1.5", "1E+5", "1e-9", "-0.0", "0", "-0", "100", "1e2", "1" * 60]).map(
        json_body.read_json
    ),
    st.decimals(allow_nan=False, allow_infinity=False).map(lambda d: json_body.read_json(str(d))),
)
JSON = st.recursive(
    TEXTS | NUMBERS | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
SHAPES = st.sampled_from(["date", "result", "unit", "measurements", "=", "{", "["])


@st.composite
def entries(draw: st.DrawFn) -> list[Entry]:
    """Draw a subject's entries: likely shapes, unlikely values, some revisions, true digests."""
    parameters = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["visit.recorded", "lab.result.reported", "dose.missed"]),
                st.sampled_from(["R1", "R2", "R3", "R4", "R5"]),
                st.integers(1, 3),
                st.sampled_from(["record", "void"]),
                st.dictionaries(SHAPES | TEXTS, JSON, max_size=4),
                st.sampled_from([None, "a reason"]),
            ),
            max_size=8,
        )
    )
    return [entry(*item) for item in parameters]


def entry(
    kind: str, record: str, revision: int, state: str, data: dict[str, Any], reason: str | None
) -> Entry:
    content = {
        "kind": kind,
        "record": record,
        "revision": revision,
        "action": state,
        "reason": reason,
        "data": data,
    }
    digest = json_body.digest(content)
    void = state == "void"
    return Entry("S", "P", kind, record, revision, void, reason, data, digest, "", "", "", "")


def same(subject: Subject, second: Subject) -> bool:
    """Compare as stored values must compare: to the digit, 1.5 not being 1.50."""

    def exact(subject_: Subject) -> Any:
        return [
            (key, record.revision, record.void, canonical(record.data), dict(subject_.digests[key]))
            for key, record in sorted(subject_.records.items())
        ]

    return subject == second and exact(subject) == exact(second)


@given(entries())
def test_a_subject_survives_its_bytes(history: list[Entry]) -> None:
    subject = fold_all("P", history)
    assert same(subjects.decode(Subject("P"), subjects.encode(subject)), subject)


@given(entries(), st.randoms(use_true_random=False))
def test_bytes_do_not_depend_on_the_order_of_arrival(history: list[Entry], rng: Any) -> None:
    first = {(value.kind, value.record, value.revision): value for value in reversed(history)}
    distinct = list(first.values())  # two contents of one revision do depend on their order
    shuffled = rng.sample(distinct, len(distinct))
    through_bytes = Subject("P")
    for item in shuffled:
        through_bytes, _ = fold(subjects.decode(Subject("P"), subjects.encode(through_bytes)), item)
    assert subjects.encode(through_bytes) == subjects.encode(fold_all("P", distinct))


@given(entries(), entries())
def test_a_decoded_subject_folds_as_the_original_does(
    history: list[Entry], further: list[Entry]
) -> None:
    original = fold_all("P", history)
    decoded = subjects.decode(Subject("P"), subjects.encode(original))
    for item in [*history, *further]:
        (original, outcome), (decoded, result) = fold(original, item), fold(decoded, item)
        assert outcome is result
    assert same(original, decoded)


@given(entries(), st.lists(st.booleans(), min_size=8, max_size=8))
def test_a_subject_survives_its_pages_wherever_they_are_cut(
    history: list[Entry], cuts: list[bool]
) -> None:
    older, subject, pages = Subject("P"), Subject("P"), list[bytes]()
    plain = Subject("P")
    for item, cut in zip(history, cuts, strict=False):
        (subject, outcome), (plain, expected) = fold(subject, item), fold(plain, item)
        assert outcome is expected
        body = subjects.encode(subjects.since(subject, older))
        if cut:
            pages.append(body)
            body = subjects.encode(Subject("P"))
        older = subjects.decode(Subject("P"), *pages)
        subject = subjects.decode(older, body)
        assert same(subject, plain)


def test_what_lies_in_a_page_is_not_written_again() -> None:
    first = entry("visit.recorded", "V1", 1, "record", {"date": "2015-07-01"}, None)
    result = entry("visit.recorded", "V2", 1, "record", {"date": "2015-07-02"}, None)
    third = entry("visit.recorded", "V1", 3, "record", {"date": "2015-07-03"}, "late")
    older = subjects.decode(Subject("P"), subjects.encode(fold_all("P", [first])))
    assert subjects.since(older, older) == Subject("P")
    added, _ = fold(older, result)
    assert subjects.since(added, older) == fold_all("P", [result])
    corrected, _ = fold(added, third)
    assert subjects.since(corrected, older) == fold_all("P", [result, third])


def test_a_late_older_revision_takes_the_record_along_that_it_does_not_change() -> None:
    third = entry("visit.recorded", "V1", 3, "record", {"date": "2015-07-03"}, "late")
    second = entry("visit.recorded", "V1", 2, "void", {}, "mistaken")
    older = subjects.decode(Subject("P"), subjects.encode(fold_all("P", [third])))
    late, _ = fold(older, second)
    assert subjects.since(late, older) == fold_all("P", [third, second])


CELL_NAMES = TEXTS | st.sampled_from(
    ["0.0.n", "0.0.s", "0.0.q", ".n", ".s", ".q", "n", "s", "x.n", "x.s", "x.q", "x"]
)


@given(
    st.dictionaries(TEXTS, st.dictionaries(CELL_NAMES, st.integers(-(10**30), 10**30))),
    st.integers(0, 10**6),
)
@example({"": {}}, 0)
@example({"": {"": 1}}, 0)
@example({"a": {"x.n": 1, "x.s": 7, "x.q": 49, "x": 7}}, 1)
@example({"a": {"x.n": 1, "x.s": 0, "x.q": 0}}, 1)
@example({"a": {"x.n": 2, "x.s": 7, "x.q": 49}}, 1)
@example({"a": {"x.n": 1, "x.s": 0}}, 1)
@example({"a": {".n": 1, ".s": 7, ".q": 49, "n": 5, "s": 7, "q": 49}}, 1)
@example({"a": {"x.n": 1, "x.s": 10**16 + 1, "x.q": 2 * 10**16 + 1, "x.q^1": 100}}, 1)
@example({"a": {"x.n": 1, "x.s": 10**15, "x.q^1": 1}}, 1)
@example({"a": {"x.n": 1, "x.s": -(10**15), "x.q": 0, "x.q^1": 1, "x.q^2": 1}}, 1)
def test_a_share_survives_its_bytes(share: Share, version: int) -> None:
    assert decode_share(encode_share(share, version)) == (share, version)


@st.composite
def tallied_shares(draw: st.DrawFn) -> Share:
    """Draw shares as summaries contribute them, some of their cells changed or missing."""
    share: Share = {}
    for _ in range(draw(st.integers(0, 4))):
        mark, table = draw(st.sampled_from(["", "unblinded:"])), draw(st.sampled_from("Tt\x0e\v"))
        stem = f"{draw(st.integers(0, 2))}.{draw(st.integers(0, 1))}"
        value, number = draw(st.integers(-3, 3)), draw(st.integers(-6, 6))
        counting_cell, count = count_of(number)
        index, _, column = stem.partition(".")
        moments = share.setdefault(f"{mark}cells#{draw(st.integers(0, 1))}", {})
        moments |= {f"{stem}.n": 1, f"{stem}.s": value, f"{stem}.q": value * value}
        moments[f"{stem}.{counting_cell}"] = count
        tally = share.setdefault(f"{mark}{table}#tally#{index}#{number}", {})
        tally[f"{column}={value}"] = draw(st.sampled_from([1, 1, 1, -1, 2]))
    for row in draw(st.lists(st.sampled_from(sorted(share)), max_size=2)) if share else ():
        if share[row] and draw(st.booleans()):
            del share[row][draw(st.sampled_from(sorted(share[row])))]
    return share


@given(tallied_shares(), tallied_shares())
@example(
    {"cells#0": {"1.0.n": 1, "1.0.s": 2, "1.0.q": 4, "1.0.r0": 1}, "T#tally#1#0": {"0=2": 1}}, {}
)
@example({"cells#0": {"1.0.s": 2}, "T#tally#1#0": {"0=2": 1}}, {})
@example({"T#tally#1#0": {"0=2": 1}, "T#tally#1#00": {"0=2": 1}}, {})
def test_a_value_that_is_tallied_is_written_once(share: Share, old: Share) -> None:
    body = encode_share(share, 3)
    assert decode_share(body) == (share, 3)
    assert encode_share(dict(reversed(share.items())), 3) == body
    before, _ = decode_share(encode_share(old, 1))
    assert encode_share(share, 3, before) == body
    assert encode_share(share, 3, decode_share(body)[0]) == body
    for row in share:  # the others are as they were read, and not what they are told with
        others = {name: cells for name, cells in share.items() if name != row}
        assert encode_share(others, 3, decode_share(body)[0]) == encode_share(others, 3)


def test_a_tallied_value_takes_few_bytes() -> None:
    cells = {"57.0.n": 1, "57.0.s": 4264818, "57.0.q": 4264818**2}
    alone = len(encode_share({"cells#4": cells}, 1))
    name, count = count_of(224)
    cells[f"57.0.{name}"] = count
    assert (
        len(encode_share({"cells#4": cells, "14.2.4#tally#57#224": {"0=4264818": 1}}, 1))
        < alone + 16
    )


def test_so_does_one_whose_square_takes_several_cells_of_the_store() -> None:
    """As values have that are a mean, or a logarithm: 18 places are kept of them."""

    def share(value: int) -> Share:
        name, one = count_of(19)
        moments = {f"57.0.{cell}": n for cell, n in Moments(18).contribution(value).items()}
        tally = {"14-6.03#tally#57#19": {f"0={value}": 1}}
        return {"cells#4": {**moments, f"57.0.{name}": one}, **tally}

    assert "57.0.q^1" in share(61 * 10**18)["cells#4"]
    small, large = (encode_share(share(value), 1) for value in (61, 61 * 10**18))
    assert decode_share(large) == (share(61 * 10**18), 1)
    assert len(large) < len(small) + 8


def test_what_both_audiences_have_takes_few_bytes_more_than_once() -> None:
    rows = {
        f"cells@week-{i}#{i % 7}": {f"{i}.{j}.n": i * j + 2 for j in range(9)} for i in range(200)
    }
    once = len(encode_share(rows, 1))
    twice = rows | {f"unblinded:{row}": cells for row, cells in rows.items()}
    assert len(encode_share(twice, 1)) < 1.5 * once


SHARES = st.dictionaries(
    TEXTS, st.dictionaries(CELL_NAMES, st.integers(-3, 3), max_size=3), max_size=3
)


@given(SHARES, SHARES)
@example({"a": {"x": 1}}, {"a": {"x": 1}})
@example({"a": {"x": 1}}, {"a": {"x": 2}})
def test_a_share_has_the_same_bytes_whatever_was_counted_before(old: Share, new: Share) -> None:
    before, _ = decode_share(encode_share(old, 1))
    assert encode_share(new, 2, before) == encode_share(new, 2)


def test_the_dictionaries_of_format_1_are_frozen() -> None:
    """Rows already written need these very bytes: a better dictionary is another format."""
    assert subjects.FORMAT == 1
    texts = dictionary.RECORDS_1 + dictionary.SHARES_1
    assert hashlib.sha256(texts).hexdigest() == FROZEN


def test_rows_written_by_the_first_release_can_be_read() -> None:
    subject = fold_all(
        "P",
        [
            entry(
                "visit.recorded",
                "V1",
                1,
                "record",
                {"date": "2015-07-01", "n": Decimal("1.50")},
                None,
            ),
            entry("visit.recorded", "V2", 1, "record", {"date": "2015-07-08", "n": 2}, None),
            entry("visit.recorded", "V3", 2, "void", {}, "entered twice"),
        ],
    )
    assert same(subjects.decode(Subject("P"), bytes.fromhex(FIRST_SUBJECT)), subject)
    share = {"study": {"accepted": 3}, "t#0": {"0.n": 1, "0.s": 15, "0.q": 225}}
    assert decode_share(bytes.fromhex(FIRST_SHARE)) == (share, 3)


def test_digests_of_what_was_never_corrected_are_what_parse_makes_of_it() -> None:
    """They are not stored but made again, so the recipe may never change."""
    value = {
        "specversion": "1.0", "id": "e", "source": "s", "subject": "P", "study": "S",
        "type": "org.livetlf.consent.recorded.v1", "time": "2015-07-01T00:00:00Z",
        "data": {"record": "C1", "revision": 1, "date": "2015-07-01"},
    }  # fmt: skip
    parsed = envelope.parse(value, "")
    decoded = subjects.decode(Subject("P"), subjects.encode(fold_all("P", [parsed])))
    assert isinstance(decoded.digests["consent.recorded", "C1"], subjects.Derived)
    assert decoded.digests["consent.recorded", "C1"][1] == parsed.digest
    assert parsed.digest.hex() == FIRST_DIGEST


def test_a_subject_keeps_its_shard_for_ever() -> None:
    assert [keys.shard_of(f"TMB301-{n:03}", 8) for n in range(1, 9)] == FIRST_SHARDS


FROZEN = "6bd60dc70f0c07bcffc5eded84b8699e3f0642a9abf4a409cc249ccca54a055a"
FIRST_SUBJECT = (
    "68fd853afd218bc6567f8619836b5e709706dc598886f567b0a805a5c43023dc750ab8f081732c40"
    "ae04358d0df54c81991e94746301c66026379b622a28fe0e5741d5139e925a83cbab"
)
FIRST_SHARE = "68fde552b23f334637c098ab04942db80d4d0176520773"
FIRST_DIGEST = "cdf4a459e2139513e52124d4ba1f64bd"
FIRST_SHARDS = [4, 2, 2, 2, 3, 5, 2, 6]
