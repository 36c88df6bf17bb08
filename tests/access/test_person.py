import pytest

from trial.web.access.person import MOST_GRANTS, Person, Role, read_roles

READER, UNBLINDED = Role.READER, Role.UNBLINDED_READER


class TestReadRoles:
    def test_a_value_names_a_study_and_a_role(self) -> None:
        assert read_roles(["ST-1:reader"]) == ({"ST-1": {READER}}, 0)

    def test_roles_of_one_study_add_up(self) -> None:
        roles, _ = read_roles(["ST-1:submitter", "ST-2:reader", "ST-1:administrator"])
        assert roles == {"ST-1": {Role.SUBMITTER, Role.ADMINISTRATOR}, "ST-2": {READER}}

    @pytest.mark.parametrize("claim", ["ST-1:reader ST-2:reader", "ST-1:reader,ST-2:reader"])
    def test_a_text_is_read_like_a_list(self, claim: str) -> None:
        assert read_roles(claim) == read_roles(["ST-1:reader", "ST-2:reader"])

    @pytest.mark.parametrize("role", [UNBLINDED, Role.DATA_MANAGER])
    def test_who_sees_more_also_sees_what_readers_see(self, role: Role) -> None:
        assert read_roles([f"ST-1:{role}"]) == ({"ST-1": {role, READER}}, 0)

    def test_administrators_and_submitters_read_nothing(self) -> None:
        roles, _ = read_roles(["ST-1:administrator", "ST-1:submitter"])
        assert READER not in roles["ST-1"]

    @pytest.mark.parametrize(
        "value",
        [
            *("", ":", "reader", ":reader", "ST-1:", "ST-1:READER", "ST-1:owner", "ST-1/x:reader"),
            *("ST-1:reader ", "**:reader", 7, None, {"ST-1": "reader"}, ["ST-1:reader"]),
        ],
    )
    def test_what_is_not_understood_gives_nothing_and_is_counted(self, value: object) -> None:
        assert read_roles([value]) == ({}, 1)

    @pytest.mark.parametrize("claim", [None, "", [], {}, 7, True, {"ST-1:reader": 1}])
    def test_no_claim_no_role(self, claim: object) -> None:
        assert read_roles(claim) == ({}, 0)

    def test_no_more_values_are_read_than_a_token_may_have(self) -> None:
        roles, _ = read_roles([f"S{number}:reader" for number in range(MOST_GRANTS + 1)])
        assert len(roles) == MOST_GRANTS


class TestPerson:
    person = Person("p", "P", {"ST-1": frozenset({READER}), "ST-2": frozenset({UNBLINDED})})

    def test_a_role_is_of_its_study(self) -> None:
        assert self.person.may("ST-1", READER)
        assert not self.person.may("ST-2", READER)
        assert not self.person.may("ST-3", *Role)

    def test_one_of_several_roles_is_enough(self) -> None:
        assert self.person.may("ST-1", UNBLINDED, READER)

    def test_none_of_no_roles(self) -> None:
        assert not self.person.may("ST-1")

    def test_a_role_in_every_study_adds_to_those_of_one(self) -> None:
        roles = {"*": frozenset({READER}), "ST-1": frozenset({UNBLINDED})}
        person = Person("p", "P", roles)
        assert person.may("ST-9", READER)
        assert person.may("ST-1", READER)
        assert person.may("ST-1", UNBLINDED)
        assert not person.may("ST-9", UNBLINDED)

    def test_nobody_may_anything(self) -> None:
        assert not Person("p", "P").may("ST-1", *Role)
        assert not Person("p", "P").may_somewhere(*Role)

    def test_somewhere_is_any_study(self) -> None:
        assert self.person.may_somewhere(UNBLINDED)
        assert not self.person.may_somewhere(Role.SUBMITTER)
