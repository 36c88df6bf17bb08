"""What the local commands read from files reaches the service as it stands there."""

from pathlib import Path

import pytest

from local.feed import BadFileError, Line, Lines, batches, read_definition


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def parted(*raw: bytes) -> list[list[int]]:
    lines = [Line(number, item) for number, item in enumerate(raw, start=1)]
    return [[line.number for line in batch] for batch in batches(lines)]


def test_lines_keep_their_bytes_and_numbers_whatever_ends_them(tmp_path: Path) -> None:
    path = written(tmp_path, "e.ndjson", b'\xef\xbb\xbf{"a": 1.0}\r\n\n {"b":"\xe2\x80\xa8"}\n\xff')
    assert list(Lines(path)) == [
        Line(1, b'{"a": 1.0}'),
        Line(3, b' {"b":"\xe2\x80\xa8"}'),
        Line(4, b"\xff"),
    ]


def test_good_lines_travel_a_hundred_together() -> None:
    assert [len(batch) for batch in parted(*[b"{}"] * 250)] == [100, 100, 50]


def test_a_batch_stays_below_a_megabyte_and_a_larger_line_travels_alone() -> None:
    large = b'{"a":"' + b"x" * 600_000 + b'"}'
    huge = b'{"a":"' + b"x" * 1_200_000 + b'"}'
    assert parted(b"{}", large, large, huge, b"{}") == [[1, 2], [3], [4], [5]]


@pytest.mark.parametrize(
    "broken",
    [b"{broken", b"[]", b'"text"', b"\xff", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[" * 100_000],
)
def test_a_line_that_is_no_plain_object_travels_alone_and_in_its_place(broken: bytes) -> None:
    assert parted(b"{}", b"{}", broken, b"{}") == [[1, 2], [3], [4]]


def test_a_definition_in_yaml_has_jsons_types(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "d.yaml",
        b"study: S-1\nsince: 2015-07-13\nanswer: no\non: 010\nten: 10\nhalf: 0.5\n"
        b"empty:\nyes: true\n",
    )
    assert read_definition(path) == {
        "study": "S-1",
        "since": "2015-07-13",
        "answer": "no",
        "on": "010",
        "ten": 10,
        "half": 0.5,
        "empty": None,
        "yes": True,
    }


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("d.yaml", b"study: a\nstudy: b\n"),
        ("d.yaml", b"study: [\n"),
        ("d.yaml", b"- study\n"),
        ("d.yaml", b"study: 7\n"),
        ("d.yaml", b"study: \xff\n"),
        ("d.yaml", b"study: !!python/object:os.system {}\n"),
        ("d.json", b'{"study": "a", "study": "b"}'),
        ("d.json", b"study: a"),
        ("d.json", b"{}"),
    ],
)
def test_an_unreadable_definition_is_refused_by_name(
    name: str, content: bytes, tmp_path: Path
) -> None:
    with pytest.raises(BadFileError, match=name):
        read_definition(written(tmp_path, name, content))


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match=r"nowhere\.yaml"):
        read_definition(tmp_path / "nowhere.yaml")
    with pytest.raises(BadFileError, match=r"nowhere\.ndjson"):
        Lines(tmp_path / "nowhere.ndjson")
