"""Text that compression of format 1 starts from: what rows of any trial are likely to hold.

Frozen: rows written with it can be read with nothing else. A better one is a new format.
"""

_WORDS = (
    '"NOT HISPANIC OR LATINO""HISPANIC OR LATINO""BLACK OR AFRICAN AMERICAN""ASIAN""WHITE""OTHER"'
    '"UNDIFFERENTIATED""subject.unblinded""subject.superseded""pregnancy.reported""arm""strata"'
    '"screening.failed""criteria""consent.recorded""consent.withdrawn""subject.screened"'
    '"death.reported""autopsy""cause""LOST TO FOLLOW-UP""WITHDRAWAL BY SUBJECT""PHYSICIAN DECISION"'
    '"DEATH""ADVERSE EVENT""LACK OF EFFICACY""PROTOCOL DEVIATION""treatment""screening"'
    '"outcome.adjudicated""committee""outcome""visit.missed""dose.missed""reason""visit"'
    '"deviation.recorded""category""description""severity""minor""major""subject.randomised"'
    '"Infections and infestations""Nervous system disorders""Gastrointestinal disorders"'
    '"Skin and subcutaneous tissue disorders""Respiratory, thoracic and mediastinal disorders"'
    '"General disorders and administration site conditions""Investigations""Psychiatric disorders"'
    '"Musculoskeletal and connective tissue disorders""Blood and lymphatic system disorders"'
    '"Metabolism and nutrition disorders""Vascular disorders""Cardiac disorders""Diarrhoea""Nausea"'
    '"Headache""Dizziness""Rash""Pyrexia""Fatigue""Vomiting""Cough"'
    '"Upper respiratory tract infection"'
    '"hospitalisation""life-threatening""DRUG WITHDRAWN""DOSE INTERRUPTED""DOSE REDUCED"'
    '"NOT RECOVERED/NOT RESOLVED""RECOVERING/RESOLVING""FATAL""POSSIBLE""PROBABLE""NOT APPLICABLE"'
)
_RECORDS = (
    '[["adverse-event.coded",["C-AE-1","C-AE-2","C-AE-3"],{"{":{"adverse_event":["AE-1","AE-2",'
    '"AE-3"],"dictionary":{"=":"MedDRA"},"llt":["],"pt":["],"soc":["],"version":{"=":"18.1"}}}],'
    '["adverse-event.reported",["AE-1"],[{"action_taken":"DOSE NOT CHANGED","causality":'
    '"NOT RELATED","concomitant_treatment":false,"end":"2015-","grade":1,"onset":"2015-","outcome":'
    '"RECOVERED/RESOLVED","page":"CRF AE-1","serious":false,"seriousness":[],"severity":"MILD",'
    '"term":"}],[[false,[1,2]]]],["adverse-event.reported",["AE-1","AE-2"],{"{":{"action_taken":'
    '{"=":"DOSE NOT CHANGED"},"causality":["RELATED","NOT RELATED"],"concomitant_treatment":'
    '[true,false],"end":["2016-","grade":[1,2],"onset":["2016-","outcome":{"=":'
    '"RECOVERED/RESOLVED"},"page":["CRF AE-1","CRF AE-2"],"serious":{"=":false},"seriousness":'
    '{"[":[]},"term":["]}}],["conmed.recorded",["CM-1"],[{"drug":"paracetamol","end":"2016-",'
    '"indication":"prophylaxis","start":"2015-"}]],["conmed.recorded",["CM-1","CM-2"],{"{":{"drug":'
    '["],"indication":["],"start":["2015-"]}}],["deviation.recorded",["DV-1"],[{"category":'
    '"Visit outside window","date":"2016-","description":"severity":"minor"}]],'
    '["disposition.recorded",["STUDY"],[{"date":"2016-","of":"study","period":"reason":"status":'
    '"discontinued"}]],["disposition.recorded",["STUDY"],[{"date":"2016-","of":"study","status":'
    '"completed"}]],["regimen.started",["OBR-1"],[{"agents":["","date":"2016-","regimen":'
    '"optimised background regimen"}]],["resistance.reported",["BASELINE"],[{"collected":"2015-",'
    '"drug":"ec50":31,"fold_change":1.05,"maximum_inhibition":98,"susceptibility":"reference"}]],'
    '["subject.enrolled",["ENROLMENT"],[{"age":54,"characteristics":{"},"country":"USA","date":'
    '"2015-","ethnicity":"NOT HISPANIC OR LATINO","investigator":"Investigator 1","race":"WHITE",'
    '"sex":"M","site":"101"}]],["subject.screened",["SCREENING"],[{"date":"2015-","site":"101"}]],'
    '["visit.recorded",["baseline","day-0","day-1","day-14","day-15","day-21","day-28","day-29",'
    '"day-7","day-8","screening","week-0","week-1","week-11","week-13","week-15","week-17",'
    '"week-19","week-2","week-21","week-23","week-25","week-26","week-3","week-4","week-5",'
    '"week-52","week-6","week-7","week-8","week-9"],{"{":{"date":["2015-07-","2016-02-"],'
    '"measurements":{"[":[{"{":{"parameter":{"=":"systolic-blood-pressure"},"result":["120"],"unit":'
    '{"=":"mmHg"}}},{"{":{"parameter":{"=":"weight"},"result":["80.2","75.9"],"unit":{"=":"kg"}}},'
    '{"{":{"parameter":{"=":"temperature"},"result":["36.2","36.8","36.3","36.7","36.6","36.4",'
    '"36.9","36.5"],"unit":{"=":"C"}}},{"{":{"parameter":{"=":"pulse"},"result":["73","78","69"],'
    '"unit":{"=":"beats/min"}}}]},"visit":["day-0","week-2"]}}],'
    '["dose.administered",["DOSE-01","DOSE-02","DOSE-03","DOSE-04","DOSE-05","DOSE-06","DOSE-07",'
    '"DOSE-08","DOSE-09","DOSE-10","DOSE-11","DOSE-12"],{"{":{"amount":[1000,200,200,200,200,200,'
    '200,200,200],"end":["2015-10-05T12:30","2015-11-05T11:15","2016-02-"],'
    '"lot":["A11","B12","C13"],"start":["2015-10-05T12:10","2015-11-05T11:20","2016-02-"],'
    '"treatment":{"=":"placebo"},"unit":{"=":"mg"},"visit":["day-7","day-21","week-5","week-7",'
    '"week-9","week-11","week-13","week-15","week-17","week-19","week-21","week-23"]}}],'
    '["lab.result.reported",["L150615-001-1-CD4","L151201-1-HB"],{"{":{"collected":'
    '["2015-07-20T10:15","2015-12-01T09:30","2016-03-01T13:45"],"parameter":{"=":"cd4"},'
    '"range_high":{"=":1500},"range_low":{"=":500},"reported":["2015-09-","2016-01-","2016-04-"],'
    '"result":["112"],"unit":{"=":"cells/uL"}}}],["lab.result.reported",["L150608-001-1-VL"],{"{":'
    '{"collected":["2015-08-","2015-11-","2016-05-"],"lloq":{"=":20},"parameter":{"=":'
    '"viral-load"},"reported":["2015-","2016-"],"result":["<20","<20","<20","<20","<20","<20"],'
    '"uloq":{"=":10000000},"unit":{"=":"copies/mL"}}}]]'
)
# Deflate writes a near match shorter than a far one: what nearly every row holds stands last.
RECORDS_1 = (_WORDS + _RECORDS).encode()

_NUMBERS = "\t".join(f"{row}.{column}.n" for column in (3, 2, 1, 0) for row in range(10, 31))
_MOMENTS = "\t".join(f"{row}.{column}\v-" for column in (1, 0) for row in range(16))
_TALLIES = "\n".join(f"14.2.4#tally#{row}.0#{row + 40}\t{row}3" for row in range(16))
_COUNTS = "\t".join(f"{row}.{column}.n" for row in range(10) for column in range(3))
SHARES_1 = (
    f"Infections and infestations Nervous system disorders Investigations Psychiatric disorders"
    f" General disorders and administration site conditions Gastrointestinal disorders"
    f"\nflow#0\tanalysed\tcompleted\tdiscontinued\tenrolled\trandomised\tsafety\tscreened\ttreated"
    f"\n16.2.7#0\t{_NUMBERS}\n14.1.3#0\t{_COUNTS}\n14.2.4#0\t{_MOMENTS}\n{_TALLIES}"
    f'\n14.3.1.2#terms1-2\t1.0.e["Skin and subcutaneous tissue disorders"]'
    f'\t1.0.n["Skin and subcutaneous tissue disorders","Rash"]'
    f"\nstudy\taccepted\f1\tset:completers\tset:enrolled\tset:itt\tset:safety"
).encode()
