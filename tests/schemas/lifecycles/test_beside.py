"""What stands beside every case, whose message a kind may refer to, and who must be told."""

from collections.abc import Mapping
from typing import Any

import pytest

from schemas import registry
from schemas.errors import Rejected
from schemas.lifecycles import PROCEDURES, RULES, advance, beside, check_answer

STAYING = {"correction", "correction_done", "error_reported", "use_asked", "use_told"}


def test_the_steps_that_leave_a_case_where_it_stands() -> None:
    assert set(beside.LEAVES) == STAYING
    for name, procedure in PROCEDURES.items():
        for state in procedure.states:
            for step in STAYING:
                assert advance(name, state, step) == state, "a closed case's data is put right too"


@pytest.mark.parametrize("procedure", sorted(PROCEDURES))
def test_none_of_them_opens_a_case(procedure: str) -> None:
    for step in (*STAYING, "withdrawn"):
        with pytest.raises(Rejected, match="STEP_NOT_ALLOWED"):
            advance(procedure, None, step)


def test_an_open_case_is_withdrawn_and_a_closed_one_is_not() -> None:
    for name, procedure in PROCEDURES.items():
        for state, where in procedure.states.items():
            if not where.closed and not where.settled:
                assert procedure.states[advance(name, state, "withdrawn")].closed
            elif "withdrawn" not in where.moves:
                with pytest.raises(Rejected, match="STEP_NOT_ALLOWED"):
                    advance(name, state, "withdrawn")


def test_a_withdrawn_case_goes_no_further() -> None:
    for procedure in PROCEDURES.values():
        if "withdrawn" not in procedure.states:
            assert all(state.closed or state.settled for state in procedure.states.values())
            continue
        withdrawn = procedure.states["withdrawn"]
        assert withdrawn.closed
        assert set(withdrawn.moves) - set(procedure.states["withdrawn"].late) <= STAYING


# -- whose message


def answers(kind: str, parent: str, **changes: Any) -> None:
    given: Mapping[str, Any] = {
        "parent_source": "aut",
        "parent_to": ("mda",),
        "source": "mda",
        "to": ("aut",),
    } | changes
    check_answer(RULES[kind], parent, **given)


@pytest.mark.parametrize(
    ("kind", "parent", "own", "received"),
    [
        ("doc.verify.reply", "doc.verify.request", False, True),
        ("doc.alert.update", "doc.alert", True, False),
        ("doc.alert.feedback", "doc.alert", False, True),
        ("case.withdraw", "ident.request", True, False),
        ("data.correction", "ident.request", True, True),
        ("data.correction", "ident.reply", True, True),
        ("data.correction.done", "data.correction", False, True),
        ("use.report.request", "ident.reply", True, False),
        ("use.report", "use.report.request", False, True),
        ("error.report", "ident.request", False, True),
        ("error.report", "error.report", False, True),
    ],
)
def test_whose_message_a_kind_refers_to(kind: str, parent: str, own: bool, received: bool) -> None:
    for source, allowed in (("aut", own), ("mda", received), ("geo", False)):
        to = ("mda",) if source == "aut" else ("aut",)
        if allowed:
            answers(kind, parent, source=source, to=to)
        else:
            with pytest.raises(Rejected) as refusal:
                answers(kind, parent, source=source, to=to)
            assert (refusal.value.code, refusal.value.path) == ("STEP_NOT_ALLOWED", "/ixmref")


@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        ("doc.verify.reply", "ident.request"),
        ("case.withdraw", "ident.reply"),
        ("case.withdraw", "doc.alert"),
        ("case.withdraw", "stat.submission"),
        ("data.correction.done", "ident.request"),
        ("use.report", "data.correction"),
        ("doc.alert.update", "doc.alert.update"),
    ],
)
def test_what_a_kind_does_not_refer_to(kind: str, parent: str) -> None:
    for source in ("aut", "mda"):
        with pytest.raises(Rejected, match="STEP_NOT_ALLOWED"):
            answers(kind, parent, source=source)


def test_a_withdrawn_alert_reaches_everybody_who_got_it() -> None:
    group = {"parent_to": ("mda", "geo", "ukr"), "source": "aut"}
    answers("doc.alert.update", "doc.alert", **group, to=("geo", "ukr", "mda"))
    answers("doc.alert.update", "doc.alert", **group, to=("geo", "ukr", "mda", "tur"))
    for some in (("mda",), ("mda", "geo"), ()):
        with pytest.raises(Rejected) as refusal:
            answers("doc.alert.update", "doc.alert", **group, to=some)
        assert (refusal.value.code, refusal.value.path) == ("KIND_NOT_ALLOWED", "/ixmto")


# -- one language with the registry


@pytest.mark.parametrize("name", sorted(RULES))
def test_an_example_is_a_step_of_its_kind(name: str) -> None:
    rule, members = RULES[name], registry.header_members(registry.example(name), parent={"purpose_code": "LE"})
    assert members.step in rule.steps
    assert rule.beside or rule.steps <= {
        step
        for procedure in (PROCEDURES[rule.procedure],)
        for moves in (procedure.opening, *(state.moves for state in procedure.states.values()))
        for step in moves
    }
    assert not (rule.about_person and rule.many_recipients), "a message about a person has one recipient"
    assert rule.sender_roles
    assert set(rule.replies_to) <= set(RULES)


def test_registry_and_tables_know_the_same_kinds() -> None:
    assert set(RULES) == set(registry.KINDS)


CATALOGUE = {
    "doc.alert", "doc.alert.update", "doc.alert.feedback", "doc.status.notice", "doc.specimen.notice",
    "doc.verify.request", "doc.verify.reply", "civil.verify.request", "civil.verify.reply", "visa.verify.request",
    "visa.verify.reply", "visa.misuse.notice", "visa.misuse.ack", "visa.overstay.notice", "visa.overstay.reply",
    "exit.confirm.request", "exit.confirm.reply", "misuse.pattern.report", "ident.request", "ident.reply",
    "readm.application", "readm.ack", "readm.info.request", "readm.info.supply", "readm.extension.request",
    "readm.extension.answer", "readm.decision", "readm.interview.plan", "readm.interview.result", "readm.tacit.claim",
    "readm.td.issued", "readm.td.request", "readm.communication", "transfer.notice", "transfer.ack",
    "transfer.obstacle", "transfer.result", "readm.error.claim", "readm.error.answer", "transit.application",
    "transit.decision", "transit.revoke", "transit.result", "case.withdraw", "case.status.query", "case.status.report",
    "data.correction", "data.correction.done", "subject.request", "subject.request.outcome", "use.report.request",
    "use.report", "directory.update", "stat.submission", "stat.release", "error.report",
}  # fmt: skip


def test_the_catalogue_is_complete() -> None:
    """domain.md 10, numbers 1 to 59 without the ones it leaves out."""
    assert set(registry.KINDS) == CATALOGUE


MANY = {
    "doc.alert", "doc.alert.update", "doc.alert.feedback", "doc.status.notice", "doc.specimen.notice",
    "misuse.pattern.report", "data.correction", "stat.submission", "stat.release",
}  # fmt: skip


def test_who_may_write_to_several() -> None:
    """settled.md, Intake: doc.alert*, the two notices, misuse.pattern.report, data.correction and stat.*."""
    assert {name for name, rule in RULES.items() if rule.many_recipients} == MANY
