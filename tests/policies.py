"""What template.yaml holds, and what its functions may do: as IAM decides, read from its text."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).resolve().parents[1] / "template.yaml"


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short functions, `!Ref x` read as {"Ref": x}."""


def short_function(loader: Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


Loader.add_multi_constructor("!", short_function)

DOCUMENT = yaml.load(TEMPLATE.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506
RESOURCES = DOCUMENT["Resources"]


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: resource["Properties"]
        for name, resource in RESOURCES.items()
        if resource["Type"] == kind
    }


FUNCTIONS = of_type("AWS::Serverless::Function")
STATEMENTS = [
    (name, statement)
    for name, function in FUNCTIONS.items()
    for policy in function["Policies"]
    for statement in policy["Statement"]
]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def allowed(function: str, action: str, partition: str) -> bool:
    """Decide as IAM does whether a function may do this with items of a partition."""
    for name, statement in STATEMENTS:
        if name != function or action not in listed(statement["Action"]):
            continue
        tests = statement.get("Condition", {})
        patterns = tests.get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", ["*"])
        unlike = tests.get("ForAllValues:StringNotLike", {}).get("dynamodb:LeadingKeys", [])
        if any(fnmatchcase(partition, item) for item in patterns) and not any(
            fnmatchcase(partition, item) for item in unlike
        ):
            return True
    return False


def may_get(function: str, key: str) -> bool:
    """Decide as IAM does whether a function may read an object of the bucket."""
    patterns = (
        statement["Resource"]["Fn::Sub"].removeprefix("${Bucket.Arn}/")
        for name, statement in STATEMENTS
        if name == function and "s3:GetObject" in listed(statement["Action"])
    )
    return any(fnmatchcase(key, pattern) for pattern in patterns)
