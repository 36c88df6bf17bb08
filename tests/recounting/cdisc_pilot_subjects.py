"""The CDISC pilot: analysis sets, early termination, and what subjects were like at baseline."""

from recounting import methods
from recounting.cdisc_pilot_trial import Trial
from recounting.counting import Test, column
from recounting.sheets import Line

REASONS = {
    "Adverse event": "ADVERSE EVENT",
    "Death": "DEATH",
    "Lack of efficacy": "LACK OF EFFICACY",
    "Lost to follow-up": "LOST TO FOLLOW-UP",
    "Withdrawal by subject": "WITHDRAWAL BY SUBJECT",
    "Physician decision": "PHYSICIAN DECISION",
    "Protocol entry criteria not met": "PROTOCOL ENTRY CRITERIA NOT MET",
    "Protocol violation": "PROTOCOL VIOLATION",
    "Sponsor decision": "STUDY TERMINATED BY SPONSOR",
}
MEASURES = {
    "Age (years)": "Age",
    **{name: name for name in ("MMSE", "Duration of disease (months)", "Education (years)",
                               "Weight (kg)", "Height (cm)", "Body mass index (kg/m2)")},
}  # fmt: skip


def populations(trial: Trial) -> None:
    table = trial.table("14-1.01", trial.itt, total=True)
    efficacy = column(trial.efficacy, "Subject")
    for label, test in (
        ("Intention-to-treat", lambda _: True),
        ("Safety", lambda item: item["First dose"]),
        ("Efficacy", lambda item: item["Subject"] in efficacy),
        ("Complete week 24", lambda item: item["Reached week 24"] == "Y"),
        ("Complete study", lambda item: item["End of study"] == "completed"),
    ):
        table.count([label], test)


def termination(trial: Trial) -> None:
    table = trial.table("14-1.02", trial.itt, "P", total=True)
    early = "Terminated early"
    table.count(["Completed week 24"], lambda item: not is_early(item), methods.fisher)
    table.count([early], is_early, methods.fisher)
    for label, reason in REASONS.items():
        table.count([early, label], lambda line, w=reason: is_early(line) and line["Reason"] == w,
                    methods.fisher)  # fmt: skip


def demographics(trial: Trial) -> None:
    table = trial.table("14-2.01", trial.itt, "P", total=True)
    for label, name in MEASURES.items():
        table.describe(label, name)
    age, months, index = "Age", "Duration of disease (months)", "Body mass index (kg/m2)"
    table.levels("Age group", {
        "Below 65 years": below(age, 65),
        "65 to 80 years": lambda item: 65 <= item[age] <= 80,
        "Above 80 years": lambda item: item[age] > 80,
    })  # fmt: skip
    table.levels("Sex", {"Male": lambda item: item["Sex"] == "M",
                         "Female": lambda item: item["Sex"] == "F"})  # fmt: skip
    table.levels("Duration of disease", {
        "Below 12 months": below(months, 12),
        "12 months or longer": lambda item: item[months] >= 12,
    })  # fmt: skip
    table.levels("Body mass index", {
        "Below 25": below(index, 25),
        "25 to below 30": lambda item: item[index] is not None and 25 <= item[index] < 30,
        "30 or above": lambda item: item[index] is not None and item[index] >= 30,
    })  # fmt: skip
    hispanic: Test = lambda item: item["Ethnicity"] == "HISPANIC OR LATINO"  # noqa: E731
    table.count(["Race", "Hispanic"], hispanic, methods.pearson)
    for label, race in (
        ("White", "WHITE"),
        ("Black", "BLACK OR AFRICAN AMERICAN"),
        ("Other", "AMERICAN INDIAN OR ALASKA NATIVE"),
    ):

        def is_of(line: Line, race: str = race) -> bool:
            return line["Race"] == race and not hispanic(line)

        table.count(["Race", label], is_of, methods.pearson)


def is_early(subject: Line) -> bool:
    return bool(subject["Reached week 24"] != "Y")


def below(name: str, limit: int) -> Test:
    return lambda item: item[name] is not None and item[name] < limit


TABLES = (populations, termination, demographics)
