"""What template.yaml promises, read from its text: nothing is deployed."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase
from itertools import product
from typing import Any

import pytest
from policies import DOCUMENT, FUNCTIONS, RESOURCES, STATEMENTS, TEMPLATE, allowed, listed, of_type

from trial.events.blinding import OPEN, UNBLINDED
from trial.store import keys

ALARMS = of_type("AWS::CloudWatch::Alarm")
CODE = sorted((TEMPLATE.parent / "functions").rglob("*.py"))
EVENTS = [
    (f"{name}.{event}", source)
    for name, function in FUNCTIONS.items()
    for event, source in function.get("Events", {}).items()
]
SOURCES = [(name, source) for name, source in EVENTS if source["Type"] in {"SQS", "DynamoDB"}]


def dead_letter_queues() -> set[str]:
    """Queues that take what others could not handle; nobody reads them but people."""
    redriven = [
        queue["RedrivePolicy"]["deadLetterTargetArn"]
        for queue in of_type("AWS::SQS::Queue").values()
        if "RedrivePolicy" in queue
    ]
    failed = [
        source["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]
        for _, source in SOURCES
        if "DestinationConfig" in source["Properties"]
    ]
    return {target["Fn::GetAtt"][0] for target in (*redriven, *failed)}


def test_every_queue_that_is_read_has_a_dead_letter_queue_and_patience() -> None:
    read_queues = set(of_type("AWS::SQS::Queue")) - dead_letter_queues()
    assert read_queues == {"Queue", "Submissions"}
    for name in read_queues:
        queue = RESOURCES[name]["Properties"]
        assert queue["RedrivePolicy"]["maxReceiveCount"] >= 5
        window = DOCUMENT["Parameters"]["IngestWindow"]["MaxValue"]
        assert queue["VisibilityTimeout"] >= 6 * FUNCTIONS["IngestFunction"]["Timeout"] + window


def test_every_dead_letter_queue_has_an_alarm() -> None:
    watched = {
        dimension["Value"]["Fn::GetAtt"][0]
        for alarm in ALARMS.values()
        for dimension in alarm["Dimensions"]
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    }
    assert watched == dead_letter_queues()


def test_queues_keep_their_messages_encrypted_and_as_long_as_can_be() -> None:
    for queue in of_type("AWS::SQS::Queue").values():
        assert queue["SqsManagedSseEnabled"] is True
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 60 * 60


@pytest.mark.parametrize(("name", "source"), SOURCES)
def test_an_event_source_reports_partial_failures(name: str, source: dict[str, Any]) -> None:
    assert source["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_queue_feeds_ingest_in_batches_within_a_bounded_crowd() -> None:
    source = FUNCTIONS["IngestFunction"]["Events"]["Messages"]["Properties"]
    assert source["BatchSize"] <= 50
    assert source["ScalingConfig"]["MaximumConcurrency"] >= 2


@pytest.mark.parametrize("function", ["PublishFunction", "AuditFunction"])
def test_the_stream_is_read_from_its_start_and_gives_up_into_a_queue(function: str) -> None:
    source = FUNCTIONS[function]["Events"]["Changes"]["Properties"]
    assert source["StartingPosition"] == "TRIM_HORIZON"
    assert source["BisectBatchOnFunctionError"] is True
    assert source["MaximumRetryAttempts"] >= 1_000  # an outage may last
    assert 3_600 <= source["MaximumRecordAgeInSeconds"] < 86_400
    assert source.get("ParallelizationFactor", 1) == 1
    assert source["DestinationConfig"]["OnFailure"]["Type"] == "SQS"


def test_publish_sees_subjects_erasures_the_definition_in_force_and_reports_only() -> None:
    source = FUNCTIONS["PublishFunction"]["Events"]["Changes"]["Properties"]
    (filtered,) = source["FilterCriteria"]["Filters"]
    pattern = json.loads(filtered["Pattern"])
    assert pattern["eventName"] == ["INSERT", "MODIFY"]
    result = pattern["dynamodb"]["Keys"]["SK"]["S"]
    conflicts, reports = {"prefix": "CONFLICT#"}, {"prefix": "REPORT#"}
    erasures = {"prefix": keys.erasure_prefix("S")[1]}
    assert result == [{"prefix": "SUBJECT#"}, "CURRENT", conflicts, reports, erasures]


def test_audit_sees_the_definition_in_force_and_requests_and_comes_by_itself() -> None:
    events = FUNCTIONS["AuditFunction"]["Events"]
    (filtered,) = events["Changes"]["Properties"]["FilterCriteria"]["Filters"]
    pattern = json.loads(filtered["Pattern"])
    assert pattern["eventName"] == ["INSERT", "MODIFY"]
    assert pattern["dynamodb"]["Keys"]["SK"]["S"] == ["CURRENT", {"prefix": "AUDIT#"}]
    assert events["Turns"]["Type"] == "ScheduleV2"
    variables = FUNCTIONS["AuditFunction"]["Environment"]["Variables"]
    assert variables.keys() == {"AUDIT_HOURS", "RUNS"}
    assert variables["AUDIT_HOURS"] == {"Ref": "AuditHours"}


def test_audit_and_publish_may_start_the_state_machine_which_calls_who_started_it() -> None:
    started = [(n, s) for n, s in STATEMENTS if "states:StartExecution" in listed(s["Action"])]
    machine = RESOURCES["Runs"]["Properties"]
    assert sorted(name for name, _ in started) == ["AuditFunction", "PublishFunction"]
    for name, statement in started:
        named = statement["Resource"]["Fn::Sub"]
        assert FUNCTIONS[name]["Environment"]["Variables"]["RUNS"] == {"Fn::Sub": named}
        assert named.endswith(f":stateMachine:{machine['Name']['Fn::Sub']}")
    (policy,) = machine["Policies"]
    (invoking,) = policy["Statement"]
    assert invoking["Action"] == "lambda:InvokeFunction"
    assert invoking["Resource"] == [{"Fn::GetAtt": [name, "Arn"]} for name, _ in reversed(started)]
    states = machine["Definition"]["States"]
    steps = states["Next"], states["Shards"]["ItemProcessor"]["States"]["Step"]
    assert steps[0]["Retry"] == steps[1]["Retry"]
    called = {step["Parameters"]["FunctionName.$"] for step in (*steps, states["GiveUp"])}
    assert called == {"$$.Execution.Input.function"}
    assert {state["Catch"][-1]["Next"] for state in (states["Next"], states["Shards"])} == {
        "GiveUp"
    }
    assert states["GiveUp"]["Next"] == "Failed"


HARMLESS = {  # what is in order, or told to whoever sent it
    "Batches", "Requests", "EventsRecorded", "EventsDuplicated", "EventsRejected",
    "EventsSubmitted", "StudiesPublished", "PublicationsSkipped", "RoomRequests", "RoomDenied",
}  # fmt: skip


def counted() -> set[str]:
    """Name every metric that the functions count, wherever in their text."""
    from trial.commands import intake  # noqa: PLC0415

    calls = [
        node
        for path in CODE
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "add_metric"
    ]
    metrics_named = {
        item.value
        for call in calls
        for item in ast.walk(call.args[0])
        if isinstance(item, ast.Constant) and isinstance(item.value, str)
    }
    assert calls
    return metrics_named | {*intake.METRICS.values()}


def test_every_metric_that_means_harm_has_an_alarm_and_every_alarm_a_metric() -> None:
    metricnames = {
        alarm["MetricName"] for alarm in ALARMS.values() if alarm["Namespace"] == "LiveTLF"
    }
    assert metricnames == counted() - HARMLESS
    assert counted() > HARMLESS


def test_an_alarm_watches_what_this_stack_counts_and_not_another() -> None:
    variables = DOCUMENT["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "LiveTLF"
    for name, alarm in ALARMS.items():
        if alarm["Namespace"] == "LiveTLF":
            assert name == f"{alarm['MetricName']}Alarm"
            (dimension,) = alarm["Dimensions"]
            assert dimension == {"Name": "service", "Value": {"Ref": "AWS::StackName"}}


def watched(metric: str, namespace: str) -> set[str]:
    """Name what an alarm watches by a metric of AWS."""
    values = [
        alarm["Dimensions"][0]["Value"]
        for alarm in ALARMS.values()
        if (alarm["MetricName"], alarm["Namespace"]) == (metric, namespace)
    ]
    return {item.get("Ref") or item["Fn::GetAtt"][0] for item in values}


def test_errors_throttles_and_ages_raise_an_alarm() -> None:
    for metric in ("Errors", "Throttles"):
        assert watched(metric, "AWS/Lambda") == {*FUNCTIONS}
    fed = {name.split(".")[0] for name, source in SOURCES if source["Type"] == "DynamoDB"}
    assert watched("IteratorAge", "AWS/Lambda") == fed == {"PublishFunction", "AuditFunction"}
    assert watched("ApproximateAgeOfOldestMessage", "AWS/SQS") == {"Queue", "Submissions"}
    assert watched("5XXError", "AWS/ApiGateway") == {"AWS::StackName"}
    assert watched("5xx", "AWS/ApiGateway") == {"RoomApi"}
    assert RESOURCES["Api"]["Properties"]["Name"] == {"Ref": "AWS::StackName"}
    assert ALARMS["DocumentLagAlarm"]["TreatMissingData"] == "breaching"


def test_every_alarm_is_told_to_a_topic_and_by_mail_where_somebody_is_named() -> None:
    for alarm in ALARMS.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "Alarms"}]
    (subscription,) = of_type("AWS::SNS::Subscription").values()
    assert subscription["TopicArn"] == {"Ref": "Alarms"}
    assert subscription["Endpoint"] == {"Ref": "AlarmEmail"}
    assert RESOURCES["AlarmSubscription"]["Condition"] == "HasAlarmEmail"
    assert DOCUMENT["Parameters"]["AlarmEmail"]["Default"] == ""


@pytest.mark.parametrize(
    ("function", "queue"), [("PublishFunction", "Unpublished"), ("AuditFunction", "Unaudited")]
)
def test_what_the_schedule_calls_fails_into_a_queue_as_well(function: str, queue: str) -> None:
    destination = {"Fn::GetAtt": [queue, "Arn"]}
    invoked = FUNCTIONS[function]["EventInvokeConfig"]
    assert invoked["DestinationConfig"]["OnFailure"] == {"Type": "SQS", "Destination": destination}
    schedules = [
        source["Properties"]
        for source in FUNCTIONS[function]["Events"].values()
        if source["Type"] == "ScheduleV2"
    ]
    (schedule,) = schedules
    assert schedule["DeadLetterConfig"] == {"Arn": destination}


def test_nothing_has_a_name_that_a_second_stack_would_want() -> None:
    for name, source in EVENTS:
        if source["Type"] == "ScheduleV2":
            assert source["Properties"]["OmitName"] is True, name
    kinds = (
        "ManagedPolicyName",
        "Name",
        "QueueName",
        "BucketName",
        "TableName",
        "FunctionName",
        "TopicName",
        "AlarmName",
        "DashboardName",
        "LogGroupName",
        "BackupVaultName",
        "RoleName",
    )
    for name, resource in RESOURCES.items():
        if resource["Type"] == "AWS::Lambda::Permission":
            continue  # it says of which function it is
        for kind in kinds:
            value = resource["Properties"].get(kind, {"Ref": "AWS::StackName"})
            assert "AWS::StackName" in json.dumps(value), f"{name} {kind}"


def test_bodies_arrive_as_the_bytes_they_are() -> None:
    assert RESOURCES["Api"]["Properties"]["BinaryMediaTypes"] == ["*~1*"]


def test_versions_of_what_is_live_expire_and_of_what_is_kept_never() -> None:
    from trial.store.bucket.documents import LIVE_TAGS  # noqa: PLC0415

    rules = RESOURCES["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert all(item["Status"] == "Enabled" for item in rules)
    expiring = [item for item in rules if "Expiration" in json.dumps(item)]
    (rule,) = expiring
    (tag,) = rule["TagFilters"]
    assert {"Tagging": f"{tag['Key']}={tag['Value']}"} == LIVE_TAGS
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": {"Ref": "LiveVersionDays"}}
    for function in ("PublishFunction", "AuditFunction"):
        assert "s3:PutObjectTagging" in rights(function)


def test_there_is_a_second_backup_that_outlives_the_stack() -> None:
    assert DOCUMENT["Parameters"]["BackupDays"]["Default"] > 35
    for name in ("Vault", "BackupPlan", "BackupSelection", "BackupRole"):
        assert RESOURCES[name]["Condition"] == "HasBackups"
    assert RESOURCES["Vault"]["DeletionPolicy"] == "Retain"
    (rule,) = RESOURCES["BackupPlan"]["Properties"]["BackupPlan"]["BackupPlanRule"]
    assert rule["Lifecycle"] == {"DeleteAfterDays": {"Ref": "BackupDays"}}
    selected = RESOURCES["BackupSelection"]["Properties"]["BackupSelection"]["Resources"]
    assert selected == [{"Fn::GetAtt": ["Table", "Arn"]}]


def test_the_dashboard_shows_what_the_functions_count() -> None:
    body = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    document = json.loads(re.sub(r"\$\{[^}]+\}", "x", body))
    metrics = {
        metric[1]
        for widget in document["widgets"]
        for metric in widget["properties"]["metrics"]
        if len(metric) > 2 and metric[0] in {"LiveTLF", "."}
    }
    assert metrics <= counted()
    assert len(document["widgets"]) == 4


@pytest.mark.parametrize("name", ["Table", "Bucket"])
def test_data_outlive_the_stack(name: str) -> None:
    assert RESOURCES[name]["DeletionPolicy"] == "Retain"
    assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


def test_the_table_is_on_demand_encrypted_recoverable_and_protected() -> None:
    table = RESOURCES["Table"]["Properties"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["SSESpecification"]["SSEEnabled"] is True
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert table["DeletionProtectionEnabled"] == {"Ref": "DeletionProtection"}
    assert DOCUMENT["Parameters"]["DeletionProtection"]["Default"] == "true"
    assert table["StreamSpecification"]["StreamViewType"] == "KEYS_ONLY"


def test_the_bucket_is_versioned_lockable_encrypted_and_never_public() -> None:
    bucket = RESOURCES["Bucket"]["Properties"]
    assert bucket["VersioningConfiguration"]["Status"] == "Enabled"
    assert bucket["ObjectLockEnabled"] is True
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]


@pytest.mark.parametrize("name", ["BucketPolicy", "QueuePolicy"])
def test_plain_http_is_refused(name: str) -> None:
    (statement,) = RESOURCES[name]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_every_route_asks_for_a_signature() -> None:
    auth = RESOURCES["Api"]["Properties"]["Auth"]
    assert auth["DefaultAuthorizer"] == "AWS_IAM"
    assert auth["InvokeRole"] == "NONE"
    routes = [(name, source["Properties"]) for name, source in EVENTS if source["Type"] == "Api"]
    assert len(routes) == 59
    beside = {"/openapi.json", "/schemas/{schema}", "/quarantine"}  # of no one study
    for name, route in routes:
        assert route["RestApiId"] == {"Ref": "Api"}, name
        assert "Auth" not in route, name
        startswith = f"{route['Path']}/".startswith("/studies/{study}/")
        assert startswith or route["Path"] in beside, name


def test_what_the_unblinded_may_read_is_under_routes_of_their_own() -> None:
    from trial.web import queries  # noqa: PLC0415

    start = "/studies/{study}/unblinded/"
    apart = {path.removeprefix(start) for _, path in queries.routes.all if path.startswith(start)}
    assert apart == {"summary", "consort", "tables", "tables/{table}", "quarantine",
                     "discrepancies",
                     "tables/{table}/subjects", "summary/subjects", "consort/subjects",
                     "figures/{figure}/subjects",
                     "treatment-events",
                     "subjects/{subject}/history", "subjects/{subject}/profile",
                     "subjects/{subject}/narratives",
                     "reports/{cut}/{file}",
                     "reports/{cut}/changes-since/{base}",
                     "reports/{cut}/datasets/{file}"}  # fmt: skip
    openly = {path.removeprefix("/studies/{study}/") for _, path in queries.routes.all}
    assert apart < openly


def test_the_routes_of_the_template_are_those_that_are_served() -> None:
    import api  # noqa: PLC0415 (powertools looks at the environment)
    from trial.web import queries  # noqa: PLC0415

    described = {
        (source["Properties"]["Method"], source["Properties"]["Path"])
        for _, source in EVENTS
        if source["Type"] == "Api"
    }
    assert described == {*api.routes.all, *queries.routes.all}
    assert all(
        (method == "GET") == ((method, path) in queries.routes.all) for method, path in described
    )


@pytest.mark.parametrize(("name", "statement"), STATEMENTS)
def test_no_right_reaches_beyond_this_stack(name: str, statement: dict[str, Any]) -> None:
    assert statement["Effect"] == "Allow"
    for resource in listed(statement["Resource"]):
        assert isinstance(resource, dict), name
    for action in listed(statement["Action"]):
        assert "*" not in action, name


def rights(function: str) -> set[str]:
    return {
        action
        for name, statement in STATEMENTS
        if name == function
        for action in listed(statement["Action"])
    }


def test_only_audit_may_delete_items_and_each_function_has_only_its_own_rights() -> None:
    deleting = {
        function
        for function in FUNCTIONS
        for right in rights(function)
        if right.startswith("dynamodb:Delete")
    }
    assert deleting == {"AuditFunction"}
    of_audit = {item for item in rights("AuditFunction") if "Delete" in item}
    assert of_audit == {"dynamodb:DeleteItem", "s3:DeleteObjectVersion"}
    assert not [action for action in rights("IngestFunction") if action.startswith("s3:")]
    sending = {function for function in FUNCTIONS if "sqs:SendMessage" in rights(function)}
    assert sending == {"ApiFunction", "IngestFunction", "RoomChangesFunction"}
    for _, statement in STATEMENTS:
        if "sqs:SendMessage" in listed(statement["Action"]):
            assert statement["Resource"] == {"Fn::GetAtt": ["Submissions", "Arn"]}
    assert "s3:PutObject" not in rights("ApiFunction")


ROOMS = "RoomFunction", "RoomUnblindedFunction", "RoomChangesFunction"


def test_the_open_room_may_read_no_sums_by_arm_no_submission_and_no_unblinded_document() -> None:

    apart = keys.sum_partition("S", 3, UNBLINDED), keys.submission_partition("S")
    reading = "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"
    for action, partition in product(reading, apart):
        assert not allowed("RoomFunction", action, partition)
        assert allowed("RoomUnblindedFunction", action, partition)
    beside = (
        keys.STUDIES, keys.current("S")[0], keys.sum_partition("S", 3),
        keys.journal_partition("S", "1"), keys.quarantine_partition("S"),
    )  # fmt: skip
    for action, partition in product(reading, beside):
        assert allowed("RoomFunction", action, partition)
    files = {
        statement["Resource"]["Fn::Sub"]
        for name, statement in STATEMENTS
        if name in ("RoomFunction", "RoomChangesFunction")
        and "s3:GetObject" in listed(statement["Action"])
    }
    # How many events of each subject a cut counts, by which cuts are compared, tells no arm.
    heads = "${Bucket.Arn}/studies/*/unblinded/audit/*/heads.json"
    assert files == {"${Bucket.Arn}/studies/*/open/*", heads}


@pytest.mark.parametrize("function", ROOMS[:2])
def test_who_shows_pages_may_write_down_who_read_and_nothing_else(function: str) -> None:

    writing = {item for item in rights(function) if not item.startswith(("s3:Get", "s3:List"))}
    assert writing - {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"} == {
        "dynamodb:PutItem"
    }
    assert allowed(function, "dynamodb:PutItem", keys.activity_partition("S"))
    for partition in (keys.STUDIES, keys.current("S")[0], keys.shard_partition("S", 0)):
        assert not allowed(function, "dynamodb:PutItem", partition)


def test_the_room_is_there_only_for_who_asks_for_it() -> None:
    assert DOCUMENT["Parameters"]["Room"]["Default"] == "false"
    for name, resource in RESOURCES.items():
        if name.startswith("Room"):
            assert resource["Condition"].startswith("HasRoom"), name
    assert {*ROOMS} == {name for name in FUNCTIONS if name.startswith("Room")}


def test_each_function_of_the_room_has_its_part_and_its_routes() -> None:
    parts = {name: FUNCTIONS[name]["Environment"]["Variables"]["ROOM_PART"] for name in ROOMS}
    assert parts == dict(zip(ROOMS, ("open", "unblinded", "changes"), strict=True))
    targets = {
        route["RouteKey"]: route["Target"]["Fn::Sub"]
        for route in of_type("AWS::ApiGatewayV2::Route").values()
    }
    assert targets == {
        "$default": "integrations/${RoomIntegration}",
        "GET /unblinded/{proxy+}": "integrations/${RoomUnblindedIntegration}",
        "POST /{proxy+}": "integrations/${RoomChangesIntegration}",
        "ANY /api/{proxy+}": "integrations/${RoomApiIntegration}",
    }
    for name in ROOMS:
        part = name.removesuffix("Function")
        integration = RESOURCES[f"{part}Integration"]["Properties"]
        assert integration["IntegrationUri"] == {"Fn::GetAtt": [name, "Arn"]}
        assert integration["PayloadFormatVersion"] == "2.0"


def test_people_of_the_stacks_own_pool_are_invited_and_prove_who_they_are_twice() -> None:
    pool, client = RESOURCES["RoomUsers"], RESOURCES["RoomClient"]["Properties"]
    assert pool["DeletionPolicy"] == pool["UpdateReplacePolicy"] == "Retain"
    assert pool["Properties"]["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["Properties"]["MfaConfiguration"] == "ON"
    assert (client["GenerateSecret"], client["AllowedOAuthFlows"]) == (False, ["code"])
    assert client["IdTokenValidity"] <= 60


def room_addresses(*conditions: str) -> dict[str, set[str]]:
    """Give what the room's address is, by what says so, where these conditions hold."""

    def resolved(value: Any) -> str:
        match value:
            case {"Fn::If": [condition, then, otherwise]}:
                return resolved(then if condition in conditions else otherwise)
            case {"Fn::Sub": text} | text:
                return str(text)

    client = RESOURCES["RoomClient"]["Properties"]
    return {
        "": {
            resolved(DOCUMENT["Outputs"]["RoomAddress"]["Value"]),
            *(resolved(FUNCTIONS[n]["Environment"]["Variables"]["ROOM_URL"]) for n in ROOMS),
        },
        "/sign-in/callback": {*map(resolved, client["CallbackURLs"])},
        "/signed-out": {*map(resolved, client["LogoutURLs"])},
    }


@pytest.mark.parametrize(
    ("conditions", "address"),
    [
        ((), "https://${RoomApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}"),
        (("HasRoomDomain",), "https://${RoomDomain}"),
        (("HasRoomUrl",), "${RoomUrl}"),
    ],
)
def test_all_that_names_the_rooms_address_names_one(
    conditions: tuple[str, ...], address: str
) -> None:
    for path, addresses in room_addresses(*conditions).items():
        expected = f"{address}{path}"
        assert addresses in ({expected}, {str({"Ref": "RoomUrl"})}), path


def test_a_domain_of_its_own_is_the_rooms_only_address_and_needs_a_certificate() -> None:
    api = RESOURCES["RoomApi"]["Properties"]
    assert api["DisableExecuteApiEndpoint"] == {"Fn::If": ["HasRoomDomain", True, False]}
    (configuration,) = RESOURCES["RoomDomainName"]["Properties"]["DomainNameConfigurations"]
    assert configuration["SecurityPolicy"] == "TLS_1_2"
    mapping = RESOURCES["RoomDomainMapping"]
    assert mapping["Condition"] == "HasRoomDomain"
    assert mapping["Properties"]["ApiId"] == {"Ref": "RoomApi"}
    asserted = DOCUMENT["Rules"]["RoomDomainHasCertificate"]["Assertions"]
    assert ["RoomCertificate" in str(a) for a in asserted] == [True, False]
    for name in ("RoomDomain", "RoomCertificate"):
        assert DOCUMENT["Parameters"][name]["Default"] == ""
    pattern = DOCUMENT["Parameters"]["RoomDomain"]["AllowedPattern"]
    assert all(re.fullmatch(pattern, name) for name in ("", "room.example.org", "r-1.example.org"))
    assert not any(
        re.fullmatch(pattern, name)
        for name in ("https://room.example.org", "room.example.org/", "room", "-r.example.org")
    )


def test_the_guide_to_the_room_names_its_parameters_and_its_functions() -> None:
    guide = (TEMPLATE.parent / "docs" / "room-access.md").read_text(encoding="utf-8")
    parameters = list(DOCUMENT["Parameters"])
    room_parameters = parameters[parameters.index("Room") : parameters.index("EndpointUrl")]
    for name in (*room_parameters, *ROOMS, "RoomAddress", "RoomUsersId"):
        assert f"`{name}`" in guide, name
    assert {"RoomAddress", "RoomUsersId"} < DOCUMENT["Outputs"].keys()


def test_only_https_can_be_an_issuer_but_beside_a_local_stack() -> None:
    pattern = DOCUMENT["Parameters"]["Issuer"]["AllowedPattern"]
    for address in ("", "https://issuer.example/a", "http://127.0.0.1:1", "http://localhost:1"):
        assert re.fullmatch(pattern, address)
    for address in (
        "http://issuer.example",
        "issuer",
        "http://127.0.0.1.example",
        "http://127x0x0x1",
    ):
        assert not re.fullmatch(pattern, address)


def test_publish_may_lock_cuts_and_neither_lift_nor_pass_a_lock() -> None:
    locking = [
        (name, action, statement["Resource"])
        for name, statement in STATEMENTS
        for action in listed(statement["Action"])
        if any(word in action for word in ("Retention", "LegalHold", "ObjectLock"))
    ]
    places = [{"Fn::Sub": f"${{Bucket.Arn}}/studies/*/{name}/*"} for name in ("cuts", "audit")]
    assert locking == [("PublishFunction", "s3:PutObjectRetention", places)]


def test_publish_may_delete_only_versions_of_what_is_live_and_audit_of_pieces() -> None:
    deleting = [
        (name, listed(statement["Action"]), listed(statement["Resource"]))
        for name, statement in STATEMENTS
        if any("s3:Delete" in action for action in listed(statement["Action"]))
    ]
    of_audience = [
        f"studies/*/{name}/{part}live/*" for name in (OPEN, UNBLINDED) for part in ("", "audit/")
    ]
    places = [{"Fn::Sub": f"${{Bucket.Arn}}/{place}"} for place in ("pieces/*", *of_audience)]
    assert deleting == [
        ("PublishFunction", ["s3:DeleteObjectVersion"], places),
        ("AuditFunction", ["s3:DeleteObjectVersion"], places[:1]),
    ]
    listing = [
        (name, statement["Condition"])
        for name, statement in STATEMENTS
        if "s3:ListBucketVersions" in listed(statement["Action"])
    ]
    of_pieces = {"StringLike": {"s3:prefix": "pieces/*"}}
    assert listing == [("PublishFunction", of_pieces), ("AuditFunction", of_pieces)]
    for place in ("cuts/C", "audit/C", "audit/C/R"):
        patterns = [
            pattern for pattern in of_audience if fnmatchcase(f"studies/S/open/{place}/f", pattern)
        ]
        assert not patterns


def test_publish_alone_may_sign_and_by_the_key_that_the_alias_stands_for() -> None:
    signing = [
        (name, set(listed(statement["Action"])), statement["Resource"], statement["Condition"])
        for name, statement in STATEMENTS
        if any(item.startswith("kms:") for item in listed(statement["Action"]))
    ]
    alias = {"Fn::Sub": "alias/${AWS::StackName}-signing"}
    account = "arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*"
    condition = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": alias}}
    rights_to_sign = {"kms:Sign", "kms:GetPublicKey"}
    assert signing == [("PublishFunction", rights_to_sign, {"Fn::Sub": account}, condition)]
    assert FUNCTIONS["PublishFunction"]["Environment"]["Variables"]["SIGNING_KEY"] == alias
    assert RESOURCES["SigningAlias"]["Properties"]["AliasName"] == alias


def test_the_key_that_signs_outlives_the_stack_and_its_administrators_may_not_use_it() -> None:
    key = RESOURCES["SigningKey"]
    assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert key["Properties"]["KeySpec"] == "ECC_NIST_P256"
    assert key["Properties"]["KeyUsage"] == "SIGN_VERIFY"
    administer, sign = key["Properties"]["KeyPolicy"]["Statement"]
    assert sign["Principal"] == {"AWS": {"Fn::GetAtt": ["PublishFunctionRole", "Arn"]}}
    assert set(sign["Action"]) == {"kms:Sign", "kms:GetPublicKey"}
    patterns = [item.removesuffix("*") for item in administer["Action"] if item.endswith("*")]
    assert not [pattern for pattern in patterns if "kms:Sign".startswith(pattern)]
    assert "kms:Sign" not in administer["Action"]


def test_cuts_are_locked_as_the_parameters_say_for_years_unless_told_otherwise() -> None:
    parameters = DOCUMENT["Parameters"]
    assert parameters["LockMode"]["AllowedValues"] == ["GOVERNANCE", "COMPLIANCE"]
    assert parameters["LockDays"]["Default"] >= 3_650
    variables = FUNCTIONS["PublishFunction"]["Environment"]["Variables"]
    assert (
        variables | {"LOCK_MODE": {"Ref": "LockMode"}, "LOCK_DAYS": {"Ref": "LockDays"}}
        == variables
    )
    document = tomllib.loads((TEMPLATE.parent / "samconfig.toml").read_text(encoding="utf-8"))
    values = {
        name: " ".join(
            item["parameters"].get("parameter_overrides", "") for item in environment.values()
        )
        for name, environment in document.items()
        if name != "version"
    }
    for word in ("LockDays=0", "BackupDays=0"):
        assert {name for name, words in values.items() if word in words} == {"default", "local"}


def test_publish_may_write_a_studys_own_rows_and_no_others() -> None:
    writing = [
        statement
        for name, statement in STATEMENTS
        if name == "PublishFunction" and "dynamodb:PutItem" in listed(statement["Action"])
    ]
    (statement,) = writing
    assert statement["Condition"] == {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["STUDY#*"]},
        "ForAllValues:StringNotLike": {"dynamodb:LeadingKeys": ["STUDY#*#*"]},
    }


def test_audit_may_write_neither_the_journal_nor_what_was_quarantined() -> None:
    (statement,) = (
        statement
        for name, statement in STATEMENTS
        if name == "AuditFunction" and "dynamodb:PutItem" in listed(statement["Action"])
    )
    assert statement["Condition"] == {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["STUDY#*"]},
        "ForAllValues:StringNotLike": {
            "dynamodb:LeadingKeys": [
                f"STUDY#*#{name}"
                for name in ("JOURNAL#*", "ASIDE", "SUBMITTED", "ACTIVITY", "STATES")
            ]
        },
    }
    assert {right for right in rights("AuditFunction") if right.startswith("s3:")} == {
        "s3:PutObject",
        "s3:PutObjectTagging",
        "s3:DeleteObjectVersion",
        "s3:ListBucketVersions",
    }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_handler_named_exists(name: str) -> None:
    module, _, attribute = FUNCTIONS[name]["Handler"].partition(".")
    declared = DOCUMENT["Globals"]["Function"]["Environment"]["Variables"]
    values = {name: "http://127.0.0.1:9" if name.endswith("URL") else "x" for name in declared}
    values["AUDIT_HOURS"] = "24"
    # In a process of its own: a handler makes its clients once, from the environment it finds.
    subprocess.run(
        [sys.executable, "-c", f"import {module}; assert callable({module}.{attribute})"],
        cwd=TEMPLATE.parent / "functions",
        env=values | {"AWS_DEFAULT_REGION": "us-east-1", "LOG_LEVEL": "INFO"},
        check=True,
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_logs_are_kept_for_a_time_that_is_said(name: str) -> None:
    group = FUNCTIONS[name]["LoggingConfig"]["LogGroup"]["Ref"]
    assert RESOURCES[group]["Properties"]["RetentionInDays"] == {"Ref": "LogDays"}
    assert DOCUMENT["Parameters"]["LogDays"]["Default"] >= 365


def test_logs_and_traces_are_as_parameters_say() -> None:
    settings = DOCUMENT["Globals"]["Function"]
    assert settings["Tracing"] == {"Ref": "Tracing"}
    assert settings["Environment"]["Variables"]["LOG_LEVEL"] == {"Ref": "LogLevel"}
    assert RESOURCES["Api"]["Properties"]["TracingEnabled"] == {"Fn::If": ["IsTraced", True, False]}


def test_the_access_log_knows_the_route_and_neither_path_nor_body() -> None:
    setting = RESOURCES["Api"]["Properties"]["AccessLogSetting"]["Fn::If"]
    assert (setting[0], setting[2]) == ("HasAccessLog", {"Ref": "AWS::NoValue"})
    assert setting[1]["DestinationArn"] == {"Fn::GetAtt": ["AccessLogs", "Arn"]}
    document = json.loads(setting[1]["Format"])
    assert set(document.values()) == {
        "$context.requestId", "$context.requestTime", "$context.identity.userArn",
        "$context.httpMethod", "$context.resourcePath", "$context.status",
        "$context.responseLatency",
    }  # fmt: skip
    assert DOCUMENT["Parameters"]["AccessLog"]["Default"] == "own"
    for name in ("ApiLogRole", "ApiAccount"):
        assert RESOURCES[name]["Condition"] == "SetsLogRole"
        assert RESOURCES[name]["DeletionPolicy"] == "Retain"  # others of the account log by it
    (tag,) = RESOURCES["AccessLogs"]["Properties"]["Tags"]
    assert {"Ref": "ApiAccount"} in tag["Value"]["Fn::If"]  # so it is set before a stage may log


def test_the_functions_run_on_the_python_that_is_tested() -> None:
    version = (TEMPLATE.parent / ".python-version").read_text(encoding="utf-8").strip()
    settings = DOCUMENT["Globals"]["Function"]
    assert settings["Runtime"] == f"python{version}"
    assert settings["CodeUri"] == "functions/"
    assert DOCUMENT["Parameters"]["Architecture"]["Default"] == "arm64"


def test_the_functions_metadata_are_alike_so_that_sam_builds_their_code_once() -> None:
    texts = {
        json.dumps(resource.get("Metadata"))
        for resource in RESOURCES.values()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert len(texts) == 1


def test_a_rule_of_checkov_that_is_not_followed_says_why_beside_its_resource() -> None:
    skipped = [
        (name, item)
        for name, resource in RESOURCES.items()
        for item in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]
    assert skipped
    for name, result in skipped:
        assert result.keys() == {"id", "comment"}, name
        assert len(result["comment"].split()) > 3, name


def test_a_version_of_the_api_is_published_anew_when_a_setting_of_it_has_another_value() -> None:
    """A version keeps its variables: one that is not named would stay as it was, unnoticed."""
    function = FUNCTIONS["ApiFunction"]
    settings = {**DOCUMENT["Globals"]["Function"], **function}
    del settings["Events"], settings["Policies"], settings["VersionDescription"]
    settings["Environment"] = [
        DOCUMENT["Globals"]["Function"]["Environment"],
        settings["Environment"],
    ]
    text = json.dumps(settings)
    for condition in re.findall(r'"Fn::If": \["(\w+)"', text):
        text += json.dumps(DOCUMENT["Conditions"][condition])
    deciding = set(re.findall(r'"Ref": "(\w+)"', text)) & DOCUMENT["Parameters"].keys()
    assert set(re.findall(r"\$\{(\w+)\}", function["VersionDescription"]["Fn::Sub"])) == deciding
    assert function["AutoPublishAliasAllProperties"]
