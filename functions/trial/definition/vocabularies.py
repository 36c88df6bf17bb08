"""The words that a field of an event may hold: CDISC's where it has a list, or the study's own.

A definition replaces a list, adds to one, or opens it. Values are compared exactly.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from trial.definition.base import Kind, Model, RefersTo


def _word(text: str) -> str:
    if not text or text != text.strip():
        raise ValueError("must not be blank, or begin or end with a blank")
    return text


Word = Annotated[str, AfterValidator(_word)]
OPEN = "open"


class Added(Model):
    """Words that a study uses beside those of the default list."""

    add: Annotated[list[Word], Field(min_length=1)]


Vocabulary = Literal["open"] | Annotated[list[Word], Field(min_length=1)] | Added
Vocabularies = dict[Kind, dict[Annotated[str, RefersTo("field of words")], Vocabulary]]
"""By kind of event and field: the words it may hold, `add` to the default list, or `open`."""

# ISO 3166-1 alpha-3, as CDISC's codelist COUNTRY has it.
_COUNTRIES = """
ABW AFG AGO AIA ALA ALB AND ARE ARG ARM ASM ATA ATF ATG AUS AUT AZE BDI BEL BEN BES BFA BGD BGR BHR
BHS BIH BLM BLR BLZ BMU BOL BRA BRB BRN BTN BVT BWA CAF CAN CCK CHE CHL CHN CIV CMR COD COG COK COL
COM CPV CRI CUB CUW CXR CYM CYP CZE DEU DJI DMA DNK DOM DZA ECU EGY ERI ESH ESP EST ETH FIN FJI FLK
FRA FRO FSM GAB GBR GEO GGY GHA GIB GIN GLP GMB GNB GNQ GRC GRD GRL GTM GUF GUM GUY HKG HMD HND HRV
HTI HUN IDN IMN IND IOT IRL IRN IRQ ISL ISR ITA JAM JEY JOR JPN KAZ KEN KGZ KHM KIR KNA KOR KWT LAO
LBN LBR LBY LCA LIE LKA LSO LTU LUX LVA MAC MAF MAR MCO MDA MDG MDV MEX MHL MKD MLI MLT MMR MNE MNG
MNP MOZ MRT MSR MTQ MUS MWI MYS MYT NAM NCL NER NFK NGA NIC NIU NLD NOR NPL NRU NZL OMN PAK PAN PCN
PER PHL PLW PNG POL PRI PRK PRT PRY PSE PYF QAT REU ROU RUS RWA SAU SDN SEN SGP SGS SHN SJM SLB SLE
SLV SMR SOM SPM SRB SSD STP SUR SVK SVN SWE SWZ SXM SYC SYR TCA TCD TGO THA TJK TKL TKM TLS TON TTO
TUN TUR TUV TWN TZA UGA UKR UMI URY USA UZB VAT VCT VEN VGB VIR VNM VUT WLF WSM YEM ZAF ZMB ZWE
"""

DEFAULTS: Mapping[tuple[str, str], Sequence[str]] = {
    ("subject.enrolled", "race"): (
        "AMERICAN INDIAN OR ALASKA NATIVE",
        "ASIAN",
        "BLACK OR AFRICAN AMERICAN",
        "NATIVE HAWAIIAN OR OTHER PACIFIC ISLANDER",
        "WHITE",
        "MULTIPLE",
        "OTHER",
        "NOT REPORTED",
        "UNKNOWN",
    ),
    ("subject.enrolled", "ethnicity"): (
        "HISPANIC OR LATINO",
        "NOT HISPANIC OR LATINO",
        "NOT REPORTED",
        "UNKNOWN",
    ),
    ("subject.enrolled", "country"): tuple(_COUNTRIES.split()),
    ("adverse-event.reported", "severity"): ("MILD", "MODERATE", "SEVERE"),
    # No codelist: the criteria of ICH E2A, which SDTM has as a flag each.
    ("adverse-event.reported", "seriousness"): (
        "DEATH",
        "LIFE-THREATENING",
        "HOSPITALISATION",
        "DISABILITY",
        "CONGENITAL ANOMALY",
        "MEDICALLY IMPORTANT",
    ),
    ("adverse-event.reported", "action_taken"): (
        "DOSE INCREASED",
        "DOSE NOT CHANGED",
        "DOSE RATE REDUCED",
        "DOSE REDUCED",
        "DRUG INTERRUPTED",
        "DRUG WITHDRAWN",
        "NOT APPLICABLE",
        "UNKNOWN",
    ),
    ("adverse-event.reported", "outcome"): (
        "FATAL",
        "NOT RECOVERED/NOT RESOLVED",
        "RECOVERED/RESOLVED",
        "RECOVERED/RESOLVED WITH SEQUELAE",
        "RECOVERING/RESOLVING",
        "UNKNOWN",
    ),
}
"""The closed lists: CDISC's submission values of RACE, ETHNIC, COUNTRY, AESEV, ACN and OUT."""


def vocabularies_of(definitions: Vocabularies) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Return every list of a study, by kind of event and field."""
    declared = [(kind, field) for kind, fields in definitions.items() for field in fields]
    by_kind: dict[str, dict[str, Sequence[str]]] = {}
    for kind, field in (*DEFAULTS, *declared):
        vocabulary = words(kind, field, definitions.get(kind, {}).get(field))
        if vocabulary is not None:
            by_kind.setdefault(kind, {})[field] = vocabulary
    return by_kind


def words(kind: str, field: str, declaration: object) -> Sequence[str] | None:
    """Return what a field may hold, by what the definition says of it; None where anything may."""
    default = DEFAULTS.get((kind, field))
    match declaration:
        case list():
            return [word for word in declaration if isinstance(word, str)]
        case Added(add=additions) | {"add": [*additions]}:
            return [*(default or ()), *(word for word in additions if isinstance(word, str))]
        case None:
            return default
        case _:
            return None
