"""The safeguards: what goes to whom only if, each rule accepting and refusing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas import registry
from schemas.errors import Finding
from schemas.registry import CheckContext
from schemas.safeguards.rules import SAFEGUARDS

Errors = Callable[..., set[tuple[str, str]]]
Changed = Callable[..., dict[str, Any]]
Abroad = Callable[..., dict[str, Any]]
Findings = Callable[..., list[Finding]]

TO_MOLDOVA = {"sender_state": "AUT", "recipient_states": ("MDA",)}
TO_GERMANY = {"sender_state": "AUT", "recipient_states": ("DEU",)}
TO_SWITZERLAND = {"sender_state": "AUT", "recipient_states": ("CHE",)}
NOTICE = "visa.overstay.notice"


def test_a_complete_notice_may_go_abroad(abroad: Abroad, errors: Errors) -> None:
    assert errors(abroad(), **TO_MOLDOVA) == set()


def test_within_the_union_nothing_more_is_asked(changed: Changed, errors: Errors) -> None:
    for parties in (TO_GERMANY, TO_SWITZERLAND):
        assert errors(changed(NOTICE), **parties) == set()


def test_the_notice_of_domain_13_is_refused_for_ukraine(changed: Changed, errors: Errors) -> None:
    found = errors(changed(NOTICE), sender_state="AUT", recipient_states=("UKR",))
    assert {("SG5", "/stays/0"), ("SG5", "/stays/1"), ("SG2", "/safeguards/return_decision")} <= found


def test_of_several_recipients_the_strictest_counts(changed: Changed, errors: Errors) -> None:
    found = errors(changed(NOTICE), sender_state="AUT", recipient_states=("DEU", "UKR"))
    assert ("SG2", "/safeguards/return_decision") in found


@pytest.mark.parametrize(
    ("removed_member", "found"),
    [
        ("return_decision", {("SG2", "/safeguards/return_decision")}),
        ("subject_informed", {("SG3", "/safeguards/subject_informed")}),
        ("origin_consents", {("SG4", "/safeguards/origin_consents")}),
        ("transfer_ground", {("SG6", "/safeguards/transfer_ground")}),
        ("nonrefoulement_checked", set()),
    ],
)
def test_what_a_notice_abroad_must_state(
    removed_member: str, found: set[tuple[str, str]], abroad: Abroad, errors: Errors, removed: object
) -> None:
    assert errors(abroad({f"/safeguards/{removed_member}": removed}), **TO_MOLDOVA) == found


def test_without_the_block_everything_is_missing(abroad: Abroad, errors: Errors, removed: object) -> None:
    codes = {code for code, _ in errors(abroad({"/safeguards": removed}), **TO_MOLDOVA)}
    assert codes == {"SG2", "SG3", "SG4", "SG6"}


# -- SG1


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/person/nationalities/0/code", "XXB"),
        ("/person/nationalities/0/code", "XXC"),
        ("/document/doc_type", "td.refugee_1951"),
        ("/exemption_claimed", "TEMP_PROTECTION"),
        ("/exemption_claimed", "APPLICATION_PENDING"),
    ],
)
def test_sg1_codes_that_betray(path: str, value: str, abroad: Abroad, errors: Errors) -> None:
    assert ("SG1", path) in errors(abroad({path: value}), **TO_MOLDOVA)
    for parties in (TO_GERMANY, TO_SWITZERLAND, {}):
        assert "SG1" not in {code for code, _ in errors(abroad({path: value}), **parties)}


@pytest.mark.parametrize("value", ["XXA", "UTO"])
def test_sg1_lets_the_stateless_pass(value: str, abroad: Abroad, errors: Errors) -> None:
    assert errors(abroad({"/person/nationalities/0/code": value}), **TO_MOLDOVA) == set()


def test_sg1_reads_machine_readable_lines(changed: Changed, errors: Errors) -> None:
    lines = ["P<GEOVERTSKHLI<<NINO".ljust(44, "<"), "12AB345673XXB9005019F2812313<<<<<<<<<<<<<<<0"]
    request = changed(
        "doc.verify.request",
        {"/document/mrz": {"format": "TD3", "lines": lines}, "/document/mrz_mismatch_reason": "test"},
    )
    assert ("SG1", "/document/mrz/lines/1") in errors(request, **TO_MOLDOVA)
    assert "SG1" not in {code for code, _ in errors(request, **TO_GERMANY)}


# -- SG2


@pytest.mark.parametrize(("name", "value"), [("enforceable", False), ("suspended", True), ("suspensive_appeal", True)])
def test_sg2_a_decision_that_does_not_hold(name: str, value: bool, abroad: Abroad, errors: Errors) -> None:
    path = f"/safeguards/return_decision/{name}"
    for parties in (TO_MOLDOVA, TO_GERMANY):
        assert errors(abroad({path: value}), **parties) == {("SG2", path)}
    assert errors(abroad({path: value})) == set()


def test_sg2_a_decision_of_tomorrow(abroad: Abroad, errors: Errors) -> None:
    path = "/safeguards/return_decision/issued_on"
    assert ("SG2", path) in errors(abroad({path: "2026-05-01"}), **TO_MOLDOVA)


# -- SG4, SG5, SG14


@pytest.mark.parametrize("system", ["EES", "VIS", "SIS"])
def test_sg4_a_consent_for_each_system(system: str, abroad: Abroad, errors: Errors, removed: object) -> None:
    others = [
        {"source_system": other, "state": "AUT", "on": "2026-03-26"}
        for other in ("EES", "VIS", "SIS")
        if other != system
    ]
    document = {"/document/expires_on": removed} if system == "SIS" else {}
    payload = abroad(
        {
            "/person/source_system": system,
            "/document/source_system": system,
            **document,
            "/safeguards/origin_consents": others,
        }
    )
    assert errors(payload, **TO_MOLDOVA) == {("SG4", "/safeguards/origin_consents")}


def test_sg4_a_consent_of_tomorrow(abroad: Abroad, errors: Errors) -> None:
    path = "/safeguards/origin_consents/0/on"
    assert ("SG4", path) in errors(abroad({path: "2026-05-01"}), **TO_MOLDOVA)


def test_sg4_a_consent_of_the_latest_day_that_it_is_anywhere(abroad: Abroad, errors: Errors) -> None:
    """At noon in UTC it is already the next day in the easternmost place, and nowhere the day after."""
    path, noon = "/safeguards/origin_consents/0/on", datetime(2026, 4, 1, 12, tzinfo=UTC)
    latest = CheckContext(at=noon).latest_day
    assert ("SG4", path) not in errors(abroad({path: latest.isoformat()}), at=noon, **TO_MOLDOVA)
    after = latest + timedelta(days=1)
    assert ("SG4", path) in errors(abroad({path: after.isoformat()}), at=noon, **TO_MOLDOVA)


@pytest.mark.parametrize(
    ("system", "path", "value", "released"),
    [
        ("EES", "/person/photo", "photo", True),
        ("EES", "/person/birth_place", {"country": "UTO"}, False),
        ("EES", "/person/parents", {}, False),
        ("EES", "/person/civil_status", "single", False),
        ("EES", "/person/languages", ["uk"], False),
        ("EES", "/person/address_in_rds", "1 Sample Street", False),
        ("EES", "/document/expires_on", "2029-06-30", True),
        ("EES", "/document/issued_on", "2019-06-30", False),
        ("EES", "/document/authority", "Sample Office", False),
        ("VIS", "/person/birth_place", {"country": "UTO"}, True),
        ("VIS", "/person/former_nationalities", ["UTO"], True),
        ("VIS", "/person/address_in_rds", "1 Sample Street", True),
        ("VIS", "/person/photo", "photo", False),
        ("VIS", "/person/parents", {}, False),
        ("VIS", "/document/issued_on", "2019-06-30", True),
        ("VIS", "/document/copy", ["photo"], False),
        ("SIS", "/person/photo", "photo", True),
        ("SIS", "/person/birth_place", {"country": "UTO"}, True),
        ("SIS", "/person/physical", {"height_cm": 180}, False),
        ("SIS", "/document/copy", ["photo"], True),
        ("SIS", "/document/authority", "Sample Office", False),
    ],
)
def test_sg5_what_each_system_lets_out(  # noqa: PLR0917 - a table of cases
    system: str, path: str, value: Any, released: bool, abroad: Abroad, errors: Errors, removed: object
) -> None:
    photo = registry.example("ident.request")["person"]["photo"]
    value = photo if value == "photo" else [photo] if value == ["photo"] else value
    payload = abroad(
        {
            "/person/source_system": system,
            "/document/source_system": system,
            **({"/document/expires_on": removed} if system == "SIS" else {}),
            path: value,
        }
    )
    assert errors(payload, **TO_MOLDOVA) == (set() if released else {("SG5", path)})
    assert errors(payload, **TO_GERMANY) == set()


def test_sg5_names_a_system_does_not_hold(abroad: Abroad, errors: Errors) -> None:
    parts = registry.example(NOTICE)["person"]["identities"][0]["parts"]
    payload = abroad({"/person/identities/1": {"type": "nickname", "parts": parts}})
    assert errors(payload, **TO_MOLDOVA) == {("SG5", "/person/identities/1")}


@pytest.mark.parametrize(
    ("born", "released"),
    [("2008-04-02", True), ("2008-04-01", False), ("2008-03-31", False)],
)
def test_sg5_parents_from_vis_go_until_the_eighteenth_birthday(
    born: str, released: bool, abroad: Abroad, errors: Errors
) -> None:
    father = [{"kind": "given", "value": "PETRO", "script": "Latn", "as_on": "statement"}]
    tagged = {"/person/source_system": "VIS", "/person/birth_date/value": born, "/person/parents": {"father": father}}
    found = errors(abroad(tagged), at=datetime(2026, 4, 1, 12, tzinfo=UTC), **TO_MOLDOVA)
    assert (("SG5", "/person/parents") not in found) is released


def test_sg5_a_minors_parents_from_vis(abroad: Abroad, errors: Errors) -> None:
    father = [{"kind": "given", "value": "PETRO", "script": "Latn", "as_on": "statement"}]
    minor = {
        "unaccompanied": False,
        "best_interest_on": "2026-03-20",
        "guardian_ref": "G-1",
        "reception_confirmed": True,
    }
    payload = abroad(
        {
            "/person/source_system": "VIS",
            "/person/birth_date/value": "2015-03-07",
            "/person/parents": {"father": father},
            "/safeguards/minor": minor,
            "/visa/mrz": registry.example(NOTICE)["visa"]["mrz"],
        }
    )
    assert "SG5" not in {code for code, _ in errors(payload, **TO_MOLDOVA)}


@pytest.mark.parametrize(
    ("system", "released"), [("EES", False), ("VIS", False), ("SIS", False), ("EURODAC", False), ("stamp", True)]
)
def test_sg5_stays_never_leave(system: str, released: bool, abroad: Abroad, errors: Errors) -> None:
    found = errors(abroad({"/stays/0/source_system": system}), **TO_MOLDOVA)
    assert (("SG5", "/stays/0") in found) is not released


def test_sg5_a_visa_from_vis_does_not_leave(abroad: Abroad, errors: Errors) -> None:
    assert errors(abroad({"/visa/source_system": "VIS"}), **TO_MOLDOVA) == {("SG5", "/visa")}


def test_sg14_eurodac_goes_by_consent_alone(abroad: Abroad, errors: Errors) -> None:
    tagged = {"/person/source_system": "EURODAC"}
    assert errors(abroad(tagged), **TO_MOLDOVA) == set()
    found = errors(abroad({**tagged, "/safeguards/origin_consents/3/source_system": "SIS"}), **TO_MOLDOVA)
    assert found == {("SG4", "/safeguards/origin_consents"), ("SG14", "/person/source_system")}


# -- SG3, SG6 in identification


def test_a_return_identification_informs_and_names_its_ground(
    changed: Changed, errors: Errors, removed: object
) -> None:
    assert errors(changed("ident.request"), **TO_MOLDOVA) == set()
    bare = changed("ident.request", {"/safeguards": removed})
    assert errors(bare, **TO_MOLDOVA) == {
        ("SG3", "/safeguards/subject_informed"),
        ("SG6", "/safeguards/transfer_ground"),
    }
    assert errors(bare, **TO_GERMANY) == set()
    assert errors(changed("ident.request", {"/safeguards": removed, "/purpose_code": "LE"}), **TO_MOLDOVA) == set()


def test_sg6_grounds(changed: Changed, errors: Errors) -> None:
    ground, reason = "/safeguards/transfer_ground", "/safeguards/transfer_ground_reason"
    for good in ("GDPR45_ADEQUACY", "GDPR46_READMISSION", "GDPR46_OTHER", "LED36", "LED37"):
        assert errors(changed("ident.request", {ground: good}), **TO_MOLDOVA) == set()
    assert errors(changed("ident.request", {ground: "NOT_A_TRANSFER"}), **TO_MOLDOVA) == {("SG6", ground)}
    assert errors(changed("ident.request", {ground: "NOT_A_TRANSFER"}), **TO_GERMANY) == set()
    for derogation in ("GDPR49_PUBLIC_INTEREST", "LED38"):
        assert errors(changed("ident.request", {ground: derogation})) == {("REASON_REQUIRED", reason)}
        assert ("SG6", reason) in errors(changed("ident.request", {ground: derogation}), **TO_MOLDOVA)
        assert errors(changed("ident.request", {ground: derogation, reason: "border closed"}), **TO_MOLDOVA) == set()


# -- SG7


def test_the_purpose_stated_outside_is_the_payloads(changed: Changed, errors: Errors) -> None:
    assert errors(changed("ident.request"), purpose="RETURN_ID") == set()
    assert errors(changed("ident.request"), purpose="LE") == {("HEADER_MISMATCH", "/purpose_code")}


@pytest.mark.parametrize("purpose", ["STAT", "ADMIN", "DP", "DOCFRAUD", "VISAVER"])
def test_sg7_a_kind_has_its_purposes(purpose: str, changed: Changed, errors: Errors) -> None:
    assert ("SG7", "/purpose_code") in errors(changed("ident.request", {"/purpose_code": purpose}))


# -- SG10, SG11, SG13


def test_sg10_a_need_is_a_code(changed: Changed, errors: Errors) -> None:
    story = changed("ident.request", {"/safeguards/needs": ["needs insulin"]})
    assert {code for code, _ in errors(story, **TO_MOLDOVA)} == {"CODE_UNKNOWN", "SG10"}
    assert errors(changed("ident.request", {"/safeguards/needs": ["WHEELCHAIR"]}), **TO_MOLDOVA) == set()


@pytest.mark.parametrize(
    ("born", "needed"),
    [
        ("2008-04-01", False),
        ("2008-04-02", True),
        ("2008", True),
        ("2007", False),
        ("2008-03", False),
        ("2008-04", True),
        ("XXXX-XX-XX", True),
    ],
)
def test_sg11_the_youngest_possible_age(born: str, needed: bool, changed: Changed, findings: Findings) -> None:
    payload = changed("ident.request", {"/person/birth_date/value": born})
    missing = Finding("/safeguards/minor", "SG11")
    for parties in (TO_MOLDOVA, TO_GERMANY):
        assert (missing in findings(payload, **parties)) is needed
    assert (Finding("/safeguards/minor", "SG11", "warning") in findings(payload)) is needed


def test_sg11_an_unaccompanied_minor_has_somewhere_to_go(changed: Changed, errors: Errors) -> None:
    minor = {
        "unaccompanied": True,
        "best_interest_on": "2026-03-20",
        "guardian_ref": "G-1",
        "reception_confirmed": True,
    }
    base = {"/person/birth_date/value": "2012-05-01", "/safeguards/minor": minor}
    assert errors(changed("ident.request", base), **TO_MOLDOVA) == set()
    unready = {**minor, "reception_confirmed": False}
    assert errors(changed("ident.request", {**base, "/safeguards/minor": unready}), **TO_MOLDOVA) == {
        ("SG11", "/safeguards/minor/reception_confirmed")
    }
    for name in minor:
        short = {key: value for key, value in minor.items() if key != name}
        found = errors(changed("ident.request", {**base, "/safeguards/minor": short}), **TO_MOLDOVA)
        assert ("FIELD_MISSING", f"/safeguards/minor/{name}") in found


@pytest.mark.parametrize(
    ("on", "holds"), [("2026-03-02", True), ("2026-03-01", False), ("2026-04-01", True), ("2026-05-01", False)]
)
def test_sg13_a_check_grows_old(on: str, holds: bool, abroad: Abroad, errors: Errors) -> None:
    path = "/safeguards/nonrefoulement_checked/on"
    assert (("SG13", path) not in errors(abroad({path: on}), **TO_MOLDOVA)) is holds


# -- marks


@pytest.mark.parametrize("mark", ["RESTREINT UE/EU RESTRICTED", "SECRET", "LIMITE", "unclassified", "VS-NfD"])
def test_classified_does_not_travel(kind: str, mark: str, changed: Changed, errors: Errors) -> None:
    assert errors(changed(kind, {"/classification": mark})) == {("CLASSIFIED", "/classification")}


def test_a_mark_in_its_own_place_is_found_once(changed: Changed, findings: Findings) -> None:
    """It is no text in which somebody wrote a mark beside."""
    found = [one for one in findings(changed(NOTICE, {"/classification": "SECRET"})) if one.code == "CLASSIFIED"]
    assert found == [Finding("/classification", "CLASSIFIED")]


# -- who can answer


@pytest.mark.parametrize(
    ("kind", "changes", "path"),
    [
        ("doc.verify.request", {"/document/issuer": "GEO"}, "/document/issuer"),
        ("ident.request", {"/presumed_nationality": "GEO"}, "/presumed_nationality"),
        ("visa.verify.request", {"/visa_issuer": "GEO"}, "/visa_issuer"),
        ("visa.misuse.notice", {"/visa/issuer": "GEO"}, "/visa/issuer"),
        ("visa.overstay.notice", {"/visa/issuer": "GEO"}, "/visa/issuer"),
        (
            "readm.application",
            {"/variant": "own_national", "/person/nationalities": [{"code": "GEO", "basis": "documented"}]},
            "/person/nationalities/0/code",
        ),
        (
            "readm.application",
            {"/variant": "former_national", "/person/nationalities": [], "/person/former_nationalities": ["GEO"]},
            "/person/former_nationalities/0",
        ),
    ],
)
def test_who_is_asked_is_who_can_answer(
    kind: str, changes: dict[str, object], path: str, changed: Changed, findings: Findings
) -> None:
    """A warning at the field that names another state, and none when it names the recipient."""

    def places(recipient: str) -> list[str]:
        payload = changed(kind, {**_nobody_else(kind), **changes})
        found = findings(payload, sender_state="AUT", recipient_states=(recipient,))
        return [one.path for one in found if one.code == "RECIPIENT_NOT_COMPETENT"]

    assert places("MDA") == [path]
    assert places("GEO") == []


def _nobody_else(kind: str) -> dict[str, object]:
    """What takes the specimen state out of the example's other fields."""
    others = {"visa.overstay.notice": {"/person/nationalities": [{"code": "UKR", "basis": "documented"}]}}
    return dict(others.get(kind, {}))


@pytest.mark.parametrize(("recipient", "warned"), [("UKR", False), ("AUT", False), ("GEO", True)])
def test_an_overstay_is_told_to_the_issuer_or_the_state_of_nationality(
    recipient: str, warned: bool, changed: Changed, findings: Findings, removed: object
) -> None:
    held = {"/person/nationalities": [{"code": "UKR", "basis": "documented"}], "/visa/issuer": "AUT"}
    found = findings(changed(NOTICE, held), sender_state="DEU", recipient_states=(recipient,))
    assert any(one.code == "RECIPIENT_NOT_COMPETENT" for one in found) is warned
    without = {"/person/nationalities": held["/person/nationalities"], "/visa": removed}
    found = findings(changed(NOTICE, without), sender_state="DEU", recipient_states=(recipient,))
    places = [one.path for one in found if one.code == "RECIPIENT_NOT_COMPETENT"]
    assert places == ([] if recipient == "UKR" else ["/person/nationalities/0/code"])


def test_a_third_countrys_national_may_be_taken_back_by_any_state(changed: Changed, findings: Findings) -> None:
    foreign = {
        "/variant": "third_country_national",
        "/person/nationalities": [{"code": "GEO", "basis": "documented"}],
    }
    found = findings(changed("readm.application", foreign), sender_state="AUT", recipient_states=("MDA",))
    assert "RECIPIENT_NOT_COMPETENT" not in {one.code for one in found}


def test_what_is_not_classified_travels(kind: str, changed: Changed, errors: Errors, removed: object) -> None:
    for mark in ("UNCLASSIFIED", "SENSITIVE-NON-CLASSIFIED", removed):
        assert errors(changed(kind, {"/classification": mark})) == set()


@pytest.mark.parametrize(
    "text", ["see EU RESTRICTED annex", "VS - nur für den Dienstgebrauch", "Très Secret UE", "Diffusion  Restreinte"]
)
def test_a_mark_inside_a_text_counts(text: str, changed: Changed, errors: Errors) -> None:
    assert ("CLASSIFIED", "/evidence/0/note") in errors(changed("ident.request", {"/evidence/0/note": text}))


@pytest.mark.parametrize(
    ("handling", "text", "refused"),
    [("H3", None, True), ("H3", "only with leave", False), ("H3", "  ", True), ("H2", "only with leave", True)],
)
def test_h3_has_its_text(  # noqa: PLR0917 - a table of cases
    handling: str, text: str | None, refused: bool, changed: Changed, errors: Errors, removed: object
) -> None:
    payload = changed("ident.request", {"/handling": handling, "/handling_text": removed if text is None else text})
    assert (("HANDLING_TEXT", "/handling_text") in errors(payload)) is refused


# -- live


def test_live_operation_knows_no_utopia(changed: Changed, errors: Errors) -> None:
    found = errors(changed("doc.verify.request"), live=True)
    assert {("CODE_UNKNOWN", "/document/issuer"), ("CODE_UNKNOWN", "/document/mrz/lines/0")} <= found
    real = changed("ident.reply", {"/verified_identity/nationalities/0/code": "MDA"})
    assert errors(real, live=True) == set()


def test_every_safeguard_names_its_law() -> None:
    for safeguard in SAFEGUARDS:
        assert safeguard.law
        assert safeguard.about.splitlines()[0].startswith((*safeguard.codes, "CLASSIFIED"))
