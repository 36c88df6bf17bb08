"""The definition stands among the documents, as the audience may read it."""

import hashlib
import json

import blinded
import builders
import pytest
from hypothesis import given, settings

from local.feed import read_definition
from trial.definition import study
from trial.reporting.methods import methods


def airway(**changes: object) -> study.Study:
    path = builders.TMB301.parent / "airway-2x2" / "definition.yaml"
    return builders.loaded(json.dumps(read_definition(path) | changes))


@pytest.mark.parametrize("defined", [builders.tmb301(), airway()], ids=["tmb-301", "airway"])
def test_it_is_the_one_in_force_and_its_digest_is_that_of_the_cut(defined):
    files = builders.files_of(builders.report_of(defined, []), defined)
    content = files["definition.json"]
    manifest = json.loads(files["manifest.json"])
    assert hashlib.sha256(content).hexdigest().startswith(manifest["cut"]["definition"])
    assert study.load(content) == defined
    assert "definition.json" in files["report.html"].decode()


def test_while_a_study_is_blinded_everybodys_is_pooled_and_the_others_whole():
    result = airway(blinded=True)
    open_, unblinded = (
        builders.files_of(builders.report_of(result, [], view), view)["definition.json"]
        for view in (result.open, result)
    )
    assert study.load(unblinded) == result
    for arm in result.definition.arms:
        assert arm.label not in open_.decode()
        assert f'"{arm.id}"' not in open_.decode()
    reread = study.load(open_).definition
    assert methods(reread) == methods(result.open.definition)
    assert [table.id for table in reread.tables] == [t.id for t in result.open.definition.tables]


@given(blinded.cases())
@settings(max_examples=25, deadline=None)
def test_every_pooled_definition_can_be_read_again(case):
    view = case.study.open
    assert methods(study.load(view.visible_source).definition) == methods(view.definition)
