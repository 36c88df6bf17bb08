"""Reading what upstream systems post: JSON first, then the shape of an event, then its digest."""

import json
import time
from decimal import Decimal
from typing import Any

import builders
import pytest
from builders import event, read
from hypothesis import given
from hypothesis import strategies as st

from trial.errors import Rejected
from trial.events import envelope, field_errors, fields
from trial.events.json_body import canonical, read_json, split_batch
from trial.events.payloads import KINDS, field_types

EXPECTED = json.loads((builders.TMB301 / "wrong.expected.json").read_text(encoding="utf-8"))
WRONG = (builders.TMB301 / "wrong.ndjson").read_text(encoding="utf-8").splitlines()
OF_SHAPE = {7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22}
"""Lines of wrong.ndjson that are wrong whatever a definition says."""

MARK = "MARKED-7f3a"


def refused(body: bytes | str, study: str | None = "TINY") -> Rejected:
    text = body if isinstance(body, str) else body.decode(errors="replace")
    with pytest.raises(Rejected) as caught:
        envelope.parse(read_json(body), text, study)
    return caught.value


def details(rejected: Rejected) -> list[str]:
    return [fault.detail for fault in rejected.faults]


def pointers(rejected: Rejected) -> list[str]:
    return [fault.pointer for fault in rejected.faults]


def posted(kind: str = "dose.administered", **data: Any) -> str:
    values: dict[str, Any] = {"start": "2015-06-08T11:00", "amount": 800, "unit": "mg"}
    return json.dumps(event(kind, **(values | data)))


def with_token(token: str) -> str:
    """Write a dose whose amount is a token that `json.dumps` could not write."""
    return posted(amount="@").replace('"@"', token)


class TestWrongLines:
    @pytest.mark.parametrize("expected", EXPECTED, ids=lambda item: item["what"])
    def test_a_line_wrong_in_its_shape_is_refused_at_its_place(self, expected):
        body = WRONG[expected["line"] - 1]
        if expected["line"] not in OF_SHAPE:
            assert read(body, "TMB-301").study == "TMB-301"
            return
        rejected = refused(body, "TMB-301")
        assert rejected.status == expected["status"]
        if "pointer" in expected:
            assert pointers(rejected) == [expected["pointer"]]
        if "place" in expected:
            assert rejected.detail.endswith(f"at {expected['place']}")

    def test_nan_is_named_with_its_line_and_column(self):
        index = WRONG[19].index("NaN") + 1
        assert refused(WRONG[19]).detail == f"NaN is not a JSON value at line 1 column {index}"


class TestJson:
    @pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity"])
    def test_a_constant_json_does_not_know_is_named_with_its_place(self, token):
        body = '{"a": "NaN Infinity -Infinity \\"NaN",\n "b": [1,\n   ' + token + ', "NaN"]}'
        assert refused(body).detail == f"{token} is not a JSON value at line 3 column 4"

    @pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
    def test_nesting_a_hundred_thousand_deep_is_refused(self, opening):
        rejected = refused(opening * 100_000)
        assert (rejected.status, rejected.title) == (400, "Invalid JSON")

    @pytest.mark.parametrize("inner", ["1.5", "1"])
    def test_nesting_that_can_be_read_can_be_identified(self, inner):
        self.nested(100, inner)

    @pytest.mark.parametrize("depth", [1_000, 9_000])
    @pytest.mark.parametrize("inner", ["1.5", "1"])
    def test_deeper_nesting_is_refused(self, depth, inner):
        with pytest.raises(Rejected) as caught:
            self.nested(depth, inner)
        assert (caught.value.status, caught.value.detail) == (400, "nested too deeply")

    @staticmethod
    def nested(depth: int, inner: str) -> None:
        characteristics = {"score": "@"}
        body = json.dumps(
            event("subject.enrolled", date="2015-06-01", site="1", characteristics=characteristics)
        )
        deep = body.replace('"@"', "[" * depth + inner + "]" * depth)
        assert read(deep).digest != read(body).digest

    @pytest.mark.parametrize(
        "body",
        ['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '[{"b":{"a":null,"a":null}}]', '{"":1,"":1}'],
    )
    def test_a_member_named_twice_is_refused(self, body):
        rejected = refused(body)
        assert (rejected.status, rejected.title) == (400, "Invalid JSON")
        assert "duplicate" in rejected.detail

    def test_a_member_named_twice_is_named_by_its_place(self):
        assert refused('{"x":{"a":1},\n "a":1,"y":[{"a":1, "a":1}]}').detail.endswith(
            "line 2 column 21"
        )

    @pytest.mark.parametrize("rest", ["", " ", "{", ' "', '{"'])
    def test_a_member_named_twice_by_an_escape_is_refused(self, rest):
        assert "duplicate" in refused('{"a":1,"\\u0061":2}' + rest).detail

    @pytest.mark.parametrize("rest", ["}", "]", "]}]}"])
    def test_a_member_named_twice_by_an_escape_is_refused_whatever_follows(self, rest):
        assert "duplicate" in refused('{"a":1,"\\u0061":2}' + rest).detail

    def test_a_search_for_a_member_named_twice_takes_no_time_to_speak_of(self):
        began = time.process_time()
        assert "duplicate" in refused('{"a":1,"\\u0061":2} "' + '\\"' * 4_000).detail
        assert time.process_time() - began < 0.1

    @pytest.mark.parametrize(
        ("body", "position"), [(b"\xff{}", 0), (b'{"a":"\xc3"}', 6), (b'{"a":"\xed\xa0\x80"}', 6)]
    )
    def test_bytes_that_are_not_utf_8_are_named_by_their_place(self, body, position):
        assert refused(body).detail == f"invalid UTF-8 at byte {position}"

    def test_text_that_cannot_be_utf_8_is_refused(self):
        assert refused('{"a":"\ud800"}').detail == "invalid UTF-8 at byte 6"

    @pytest.mark.parametrize(
        "data",
        [
            {"unit": "\ud800"},
            {"lot": "a\udfffb"},
            {"record": "\ud800"},
            {"\ud800": 1},
            {"reason_for_change": "\udc00\ud800"},
        ],
    )
    def test_half_of_a_surrogate_pair_is_refused(self, data):
        assert refused(posted(**data)).status in {400, 422}

    def test_half_of_a_surrogate_pair_is_refused_where_fields_are_free(self):
        body = json.dumps(
            event("subject.enrolled", date="2015-06-01", site="1", characteristics={"\ud800": 1})
        )
        assert refused(body).detail == "a text contains an unpaired surrogate"

    def test_a_whole_surrogate_pair_is_a_character(self):
        assert read(posted(unit="@").replace('"@"', '"\\ud83d\\ude00"')).data["unit"] == "😀"

    def test_a_byte_order_mark_is_refused_at_the_first_column(self):
        assert refused(b"\xef\xbb\xbf{}").detail.endswith("at line 1 column 1")

    @pytest.mark.parametrize(
        ("body", "place"),
        [
            ("", "line 1 column 1"),
            ("   ", "line 1 column 4"),
            ('{"a":1,}', "line 1 column 7"),
            ('{"a":1} x', "line 1 column 9"),
            ('{"a":1}\n{"a":2}', "line 2 column 1"),
            ('{"a":\n01}', "line 2 column 2"),
            ('{"a":"\n"}', "line 1 column 7"),
            ("{'a':1}", "line 1 column 2"),
            ('{"a":+1}', "line 1 column 6"),
            ("// no\n{}", "line 1 column 1"),
        ],
    )
    def test_broken_json_is_named_by_line_and_column(self, body, place):
        rejected = refused(body)
        assert rejected.status == 400
        assert rejected.detail.endswith(f"at {place}")

    def test_white_space_around_a_value_is_no_fault(self):
        assert read_json(b" \t\r\n{} \n") == {}


class TestNumbers:
    @pytest.mark.parametrize(
        "token",
        [
            "1e999999999",
            "-1e999999999",
            "9" * 200_000,
            "0." + "1" * 200_000,
            "1e18",
            "1e-19",
            "0." + "0" * 100_000 + "1",
            "1234567890123456789",
        ],
        ids=lambda token: token[:20],
    )
    def test_a_number_of_more_digits_than_any_measurement_has_is_refused_at_once(self, token):
        began = time.process_time()
        assert pointers(refused(with_token(token))) == ["/data/amount"]
        assert time.process_time() - began < 1

    @pytest.mark.parametrize(
        ("token", "is_accepted"), [("0.000000001", True), ("0.0000000001", False)]
    )
    def test_a_number_has_nine_places(self, token, is_accepted):
        assert fields.has_accepted_digits(Decimal(token)) == is_accepted
        if is_accepted:
            assert read(with_token(token)).data["amount"] == Decimal(token)
        else:
            assert pointers(refused(with_token(token))) == ["/data/amount"]

    @pytest.mark.parametrize("token", ["1e-999999999", "1e-400000000"])
    def test_a_number_of_a_billion_decimal_places_is_refused(self, token):
        assert pointers(refused(with_token(token))) == ["/data/amount"]

    @pytest.mark.parametrize(
        "token", ["1e9999999999999999999", "-1e-9999999999999999999", "1E+99999999999999999999"]
    )
    def test_an_exponent_that_no_decimal_holds_is_refused(self, token):
        assert refused(with_token(token)).status in {400, 422}

    @pytest.mark.parametrize("token", ["true", '"800"', "null", "[]", "{}"])
    def test_what_is_no_number_is_refused(self, token):
        assert pointers(refused(with_token(token))) == ["/data/amount"]

    @pytest.mark.parametrize("revision", [0, -1, 1.5, "1", True, None, 10**6 + 1, 10**60])
    def test_a_revision_is_a_whole_number_from_1(self, revision):
        assert pointers(refused(posted(revision=revision))) == ["/data/revision"]


class TestBatches:
    @pytest.mark.parametrize(
        ("body", "texts"),
        [
            ("[]", []),
            (" [ \n ] ", []),
            ("[1]", ["1"]),
            ('[ {"a" :  1.50} ,\n{"b":[1, 2]}\t]', ['{"a" :  1.50}', '{"b":[1, 2]}']),
            ('["],[", "\\"]"]', ['"],["', '"\\"]"']),
            ("[[],[[]]]", ["[]", "[[]]"]),
        ],
    )
    def test_an_element_keeps_the_text_it_was_written_as(self, body, texts):
        assert [text for _, text in split_batch(body)] == texts
        assert [value for value, _ in split_batch(body.encode())] == [
            read_json(text) for text in texts
        ]

    @pytest.mark.parametrize(
        ("body", "place"),
        [
            ("[1,]", "line 1 column 4"),
            ("[1 2]", "line 1 column 4"),
            ("[1", "line 1 column 3"),
            ("[", "line 1 column 2"),
            ("[1]]", "line 1 column 4"),
            ("[] 1", "line 1 column 4"),
            ("{}", "line 1 column 1"),
            ("", "line 1 column 1"),
            ("[,1]", "line 1 column 2"),
            ("[1,\n\n nope]", "line 3 column 2"),
        ],
    )
    def test_a_broken_batch_is_named_by_line_and_column(self, body, place):
        with pytest.raises(Rejected) as caught:
            split_batch(body)
        assert caught.value.status == 400
        assert caught.value.detail.endswith(f"at {place}")

    def test_nothing_of_a_batch_is_given_when_its_end_is_broken(self):
        with pytest.raises(Rejected):
            split_batch('[{"a":1},{"a":1,"b":]')

    @given(st.lists(st.recursive(st.integers() | st.text() | st.none(), st.lists)))
    def test_a_batch_splits_into_what_was_joined(self, values):
        texts = [json.dumps(value, ensure_ascii=False) for value in values]
        body = "[" + " ,\n".join(texts) + "]"
        assert split_batch(body) == list(zip(values, texts, strict=True))


class TestDigest:
    def test_it_ignores_the_order_of_keys_and_the_event_s_id_source_time_and_body(self):
        value = json.loads(posted(lot="L", reason_for_change="why"))
        values = {
            name: value[name] for name in reversed(list(value)) if name not in {"id", "source"}
        }
        values |= {"id": "another", "source": "urn:another", "time": "2017-01-01T00:00:00+09:00"}
        values["data"] = {name: value["data"][name] for name in reversed(list(value["data"]))}
        text = json.dumps(values, indent=3, ensure_ascii=True)
        assert read(text).digest == read(value).digest

    def test_the_order_of_keys_inside_a_field_does_not_count_either(self):
        enrolled = {"date": "2015-06-01", "site": "1"}
        result = event("subject.enrolled", **enrolled, characteristics={"a": 1, "b": 2})
        two = event("subject.enrolled", **enrolled, characteristics={"b": 2, "a": 1})
        assert read(result).digest == read(two).digest

    @pytest.mark.parametrize(
        ("alike", "different"),
        [
            (["1", "1.0", "1.00", "10e-1", "0.1e1", "1E+0"], "-1"),
            (["1.5", "1.50", "15e-1", "0.15E1"], "1.51"),
            (["0", "-0", "0.0", "-0.00", "0e9"], "0.1"),
            (["100", "1e2", "1.0E2", "100.0"], "10"),
        ],
    )
    def test_a_number_counts_in_whatever_spelling(self, alike, different):
        assert len({read(with_token(token)).digest for token in alike}) == 1
        assert read(with_token(different)).digest != read(with_token(alike[0])).digest

    @pytest.mark.parametrize(
        "change",
        [
            {"record": "R2"},
            {"revision": 2, "reason_for_change": "why"},
            {"reason_for_change": "why"},
            {"lot": "L"},
            {"amount": 801},
            {"unit": "MG"},
        ],
        ids=str,
    )
    def test_any_change_of_content_changes_it(self, change):
        assert read(posted(**change)).digest != read(posted()).digest

    def test_the_order_of_a_list_is_content(self):
        result = posted("regimen.started", date="2015-06-01", regimen="r", agents=["a", "b"])
        with_fields = json.loads(result)
        for name in ("start", "amount", "unit"):
            del with_fields["data"][name]
        document = json.loads(json.dumps(with_fields))
        document["data"]["agents"] = ["b", "a"]
        assert read(with_fields).digest != read(document).digest

    def test_what_is_left_out_counts_as_its_default(self):
        assert read(posted(action="record")).digest == read(posted()).digest
        assert read(posted(reason_for_change=None)).digest == read(posted()).digest

    @given(st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    ))  # fmt: skip
    def test_the_canonical_form_reads_back_as_the_same_value(self, value):
        assert read_json(canonical(value)) == value

    def test_texts_that_look_like_other_values_have_forms_of_their_own(self):
        values = [None, "null", True, "true", 1, "1", "[]", [], {}, "{}", '"', [""], [[]], ["", ""]]
        assert len({canonical(value) for value in values}) == len(values)


class TestEnvelope:
    @pytest.mark.parametrize("name", ["specversion", "id", "source", "type", "subject", "time"])
    def test_an_attribute_that_is_missing_is_named(self, name):
        value = event("subject.screened", date="2015-06-01")
        del value[name]
        assert pointers(refused(json.dumps(value))) == [f"/{name}"]

    @pytest.mark.parametrize("value", [[], "text", 1, None, True])
    def test_what_is_no_object_is_refused_as_a_whole(self, value):
        assert pointers(refused(json.dumps(value))) == [""]

    @pytest.mark.parametrize("data", [None, [], "text", 1])
    def test_data_are_an_object(self, data):
        body = json.dumps(event("subject.screened") | {"data": data})
        assert pointers(refused(body)) == ["/data"]

    def test_attributes_it_does_not_know_pass(self):
        value = event("subject.screened", date="2015-06-01") | {"traceparent": "00-1"}
        assert read(value).kind == "subject.screened"

    @pytest.mark.parametrize(
        "kind",
        ["", "visit.noted", "visit.recorded.v1", "Visit.recorded", "visit.recorded ", "void"],
    )
    def test_an_unknown_type_is_refused(self, kind):
        assert pointers(refused(json.dumps(event(kind)))) == ["/type"]

    @pytest.mark.parametrize(
        "name",
        ["org.livetlf.visit.recorded", "org.livetlf.visit.recorded.v2", "visit.recorded.v1", "x"],
    )
    def test_a_type_without_its_prefix_and_version_is_refused(self, name):
        value = event("visit.recorded", visit="day-0", date="2015-06-01") | {"type": name}
        assert pointers(refused(json.dumps(value))) == ["/type"]

    @pytest.mark.parametrize(
        "subject", ["", "a b", "a/b", "a#b", "-a", "a\n", "x" * 65, 1, None, "é"]
    )
    def test_a_subject_that_is_no_identifier_is_refused(self, subject):
        value = event("subject.screened", date="2015-06-01") | {"subject": subject}
        assert pointers(refused(json.dumps(value))) == ["/subject"]

    @pytest.mark.parametrize(
        "when",
        [
            "2015-09-20T12:00:00",
            "2015-09-20",
            "12:00:00Z",
            "2015-13-01T00:00:00Z",
            "2015-02-29T00:00:00Z",
            "now",
            "",
            1,
        ],
    )
    def test_a_time_is_an_instant_with_its_offset(self, when):
        value = event("subject.screened", date="2015-06-01") | {"time": when}
        assert pointers(refused(json.dumps(value))) == ["/time"]

    @pytest.mark.parametrize(
        "when", ["2015-09-20T12:00:00Z", "2015-09-20T12:00:00.123456789+05:30"]
    )
    def test_an_rfc_3339_time_is_taken_as_written(self, when):
        value = event("subject.screened", date="2015-06-01") | {"time": when}
        assert read(value).time == when

    @pytest.mark.parametrize("when", ["20150920T120000Z", "2015-W38-1T12:00:00Z", "2015-09-20T12Z"])
    def test_a_time_in_another_form_of_iso_8601_is_refused(self, when):
        value = event("subject.screened", date="2015-06-01") | {"time": when}
        assert pointers(refused(json.dumps(value))) == ["/time"]

    def test_an_event_of_another_study_is_refused(self):
        value = event("subject.screened", date="2015-06-01") | {"study": "OTHER"}
        assert pointers(refused(json.dumps(value))) == ["/study"]
        assert read(value, None).study == "OTHER"

    def test_an_event_that_names_no_study_belongs_to_the_one_it_is_posted_to(self):
        value = event("subject.screened", date="2015-06-01")
        assert read(value, "HERE").study == "HERE"
        assert pointers(refused(json.dumps(value), None)) == ["/study"]


class TestData:
    def test_every_field_at_fault_is_named_at_once(self):
        body = posted(start="then", amount="much", lot="", extra=1)
        assert set(pointers(refused(body))) == {
            "/data/start",
            "/data/amount",
            "/data/lot",
            "/data/extra",
        }

    @pytest.mark.parametrize(
        ("value", "detail"),
        [
            (event("dose.missed", visit="day-0", reason="Ill", comment=1), "is not a field here"),
            (event("dose.missed", visit="day-0", reason="Ill", date="30.6.2016"),
             "must be a complete date, YYYY-MM-DD"),
            (event("dose.missed", visit="day-0", reason="Ill", date="2016-06"),
             "must be a complete date, YYYY-MM-DD"),
            (event("dose.missed", visit="day-0", reason="Ill", date="2016-06-31"),
             "is a date that does not exist"),
            (event("dose.missed", "a b", visit="day-0", reason="Ill"),
             field_errors.PATTERNS[field_errors.IDENTIFIER]),
            (event("dose.forgotten", visit="day-0", reason="Ill"),
             "is unknown: expected org.livetlf.<kind>.v1 with a kind that docs/events.md lists"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_said_in_words(self, value, detail):
        assert details(refused(json.dumps(value))) == [detail]

    def test_a_pointer_escapes_the_name_of_a_field(self):
        assert pointers(refused(posted(**{"a/b~c": 1}))) == ["/data/a~1b~0c"]

    def test_a_pointer_counts_in_lists(self):
        value = event(
            "visit.recorded",
            visit="day-0",
            date="2015-06-01",
            measurements=[{"parameter": "weight", "result": "80"}, {"parameter": "weight"}],
        )
        assert pointers(refused(json.dumps(value))) == ["/data/measurements/1/result"]

    @pytest.mark.parametrize("kind", sorted(KINDS))
    def test_a_void_of_any_kind_carries_its_record_revision_and_reason_alone(self, kind):
        void = event(kind, action="void", revision=2, reason_for_change="Entered in error")
        entry = read(void)
        assert (entry.void, entry.revision, dict(entry.data)) == (True, 2, {})
        void["data"]["date"] = "2015-06-01"
        assert pointers(refused(json.dumps(void))) == ["/data/date"]

    @pytest.mark.parametrize("data", [{"action": "void"}, {"revision": 2}])
    def test_a_void_and_every_correction_say_why(self, data):
        value = event("subject.screened", date="2015-06-01") | {}
        value["data"] |= data
        if data.get("action"):
            del value["data"]["date"]
        assert pointers(refused(json.dumps(value))) == ["/data/reason_for_change"]
        value["data"]["reason_for_change"] = ""
        assert pointers(refused(json.dumps(value))) == ["/data/reason_for_change"]

    @pytest.mark.parametrize("action", ["delete", "Void", None, True, ["void"]])
    def test_an_action_is_to_record_or_to_void(self, action):
        assert pointers(refused(posted(action=action))) == ["/data/action"]

    @pytest.mark.parametrize(
        "text",
        ["2015-6-1", "2015/06/01", "20150601", "2015-02-29", "2015-00", "2015-13", "0000", "15",
         "2015-06-01T10:00", " 2015-06-01", "2015-06-01\n", "٢٠١٥-06-01", "", "2015-"],
    )  # fmt: skip
    def test_a_partial_date_is_a_year_a_month_or_a_day_of_the_calendar(self, text):
        body = json.dumps(event("adverse-event.reported", term="a", serious=False, onset=text))
        assert pointers(refused(body)) == ["/data/onset"]

    @pytest.mark.parametrize("text", ["2016", "2016-02", "2016-02-29"])
    def test_a_partial_date_is_kept_as_it_was_collected(self, text):
        value = event("adverse-event.reported", term="a", serious=False, onset=text)
        assert read(value).data["onset"] == text

    @pytest.mark.parametrize(
        "text", ["2015-06", "2015-06-08T25:00", "2015-06-08T24:00", "2015-06-08 11:00",
                 "2015-06-08T11:00Z", "2015-06-08T11:00+02:00", "2015-06-08T11"],
    )  # fmt: skip
    def test_a_local_time_has_a_day_and_no_offset(self, text):
        assert pointers(refused(posted(start=text))) == ["/data/start"]

    def test_the_data_are_kept_in_their_normal_form_without_the_record_s_own_fields(self):
        entry = read(posted(record="D1", lot="L", reason_for_change="why").replace("800", "800.0"))
        assert entry.record == "D1"
        assert entry.reason == "why"
        assert {name: str(value) for name, value in entry.data.items()} == {
            "start": "2015-06-08T11:00",
            "amount": "800",
            "unit": "mg",
            "lot": "L",
        }


ALL_FIELDS = sorted((kind, field) for kind in KINDS for field in (*field_types(kind), "unheard-of"))
MARKED: list[Any] = [MARK, [MARK], {"of": MARK}, [{"of": [MARK]}]]


class TestSilence:
    @pytest.mark.parametrize(("kind", "field"), ALL_FIELDS)
    def test_no_error_repeats_a_value_of_the_data(self, kind, field):
        for value in MARKED:
            problem = self.problem(event(kind, **{field: value}))
            assert problem is None or MARK not in problem

    @pytest.mark.parametrize(
        "name", ["specversion", "id", "source", "type", "subject", "time", "study", "data", "other"]
    )
    def test_no_error_repeats_an_attribute_of_the_envelope(self, name):
        for value in MARKED:
            problem = self.problem(event("subject.screened") | {name: value})
            assert problem is None or MARK not in problem

    def test_the_marks_do_reach_the_fields(self):
        assert self.problem(event("dose.administered", amount=MARK)) is not None

    @given(st.integers(0, 400), st.sampled_from(['"', "}", ",", "\\", "NaN", "\n", "[", "\x01"]))
    def test_no_error_of_broken_json_repeats_the_text(self, position, broken):
        body = json.dumps(event("dose.administered", unit=MARK, lot=MARK))
        position = position % len(body)
        problem = self.problem(body[:position] + broken + body[position:])
        assert problem is None or MARK not in problem

    @staticmethod
    def problem(value: object) -> str | None:
        try:
            read(value)
        except Rejected as rejected:
            return json.dumps(rejected.problem())
        return None
