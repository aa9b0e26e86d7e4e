"""The life cycles: every move in a table, no move beside it, and one language with the registry."""

import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from schemas import registry
from schemas.errors import Rejected
from schemas.lifecycles import PROCEDURES, RULES, KindRule, advance, check_facts
from schemas.lifecycles.clocks import next_clock

MOVES = {
    ("document_check", None, "requested"): "requested",
    ("document_check", "requested", "answered"): "answered",
    ("document_check", "requested", "cannot_say"): "cannot_say",
    ("alert", None, "issued"): "issued",
    ("alert", "issued", "amended"): "issued",
    ("alert", "issued", "fed_back"): "issued",
    ("alert", "issued", "confirmed"): "confirmed",
    ("alert", "confirmed", "amended"): "confirmed",
    ("alert", "confirmed", "fed_back"): "confirmed",
    ("alert", "confirmed", "confirmed"): "confirmed",
    ("overstay", None, "notified"): "notified",
    ("overstay", "notified", "answered"): "answered",
    ("civil_check", None, "requested"): "requested",
    ("civil_check", "requested", "answered"): "answered",
    ("civil_check", "requested", "cannot_say"): "cannot_say",
    ("visa_check", None, "requested"): "requested",
    ("visa_check", "requested", "answered"): "answered",
    ("visa_check", "requested", "cannot_say"): "cannot_say",
    ("visa_misuse", None, "requested"): "requested",
    ("visa_misuse", "requested", "acknowledged"): "acknowledged",
    ("exit_check", None, "requested"): "requested",
    ("exit_check", "requested", "answered"): "answered",
    ("case_status", None, "requested"): "requested",
    ("case_status", "requested", "answered"): "answered",
    ("subject_request", None, "requested"): "requested",
    ("subject_request", "requested", "answered"): "answered",
    ("document_notice", None, "notified"): "notified",
    ("misuse_pattern", None, "notified"): "notified",
    ("directory_update", None, "notified"): "notified",
    ("statistics", None, "notified"): "notified",
}
"""Every move of the short procedures, written a second time. `test_machine` walks the long ones."""

SHORT = sorted({procedure for procedure, _, _ in MOVES})
OPEN = {(procedure, state) for procedure, state, _ in MOVES if state is not None}
PLACES = {(procedure, state) for (procedure, _, _), state in MOVES.items()} | {(name, "withdrawn") for name, _ in OPEN}
BESIDE = {"correction", "correction_done", "error_reported", "use_asked", "use_told"}

STATES = sorted({state for procedure in PROCEDURES.values() for state in procedure.states} | {"closed", ""})
STEPS = sorted({step for rule in RULES.values() for step in rule.steps} | {"closed", "opened", ""})


def expected(procedure: str, state: str | None, step: str) -> str | None:
    """Where a step leads by what is written above, and by what stands beside every case."""
    if state is not None and (procedure, state) in PLACES and step in BESIDE:
        return state
    if state is not None and (procedure, state) in OPEN and step == "withdrawn":
        return "withdrawn"
    return MOVES.get((procedure, state, step))


@pytest.mark.parametrize("procedure", [*SHORT, "asylum", "any", ""])
def test_every_absent_move_is_refused(procedure: str) -> None:
    for state, step in itertools.product([None, *STATES], STEPS):
        after = expected(procedure, state, step)
        if after is not None:
            assert advance(procedure, state, step) == after
            continue
        with pytest.raises(Rejected) as refusal:
            advance(procedure, state, step)
        assert (refusal.value.code, refusal.value.path) == ("STEP_NOT_ALLOWED", "/ixmstep")


def test_the_short_procedures_are_all_but_three() -> None:
    assert set(PROCEDURES) - set(SHORT) == {"identification", "readmission", "transit"}


def test_every_step_of_a_kind_is_a_move_and_every_move_a_step_of_a_kind() -> None:
    for name in SHORT:
        procedure = PROCEDURES[name]
        assert procedure.about.endswith(".")
        opens: set[str] = set()
        moves: set[str] = BESIDE | {"withdrawn"}
        for kind in procedure.rules.values():
            assert kind.procedure == name
            (moves if kind.replies_to else opens).update(kind.steps)
        assert opens == set(procedure.opening)
        assert {step for state in procedure.states.values() for step in state.moves} <= moves


def test_both_ends_of_a_document_check_are_steps() -> None:
    reply = registry.example("doc.verify.reply")
    steps = {
        registry.header_members({**reply, "answers": {"ISSUED": answer}}, parent={"purpose_code": "LE"}).step
        for answer in ("YES", "NO", "PARTIAL", "CANNOT_SAY", "REFUSED")
    }
    assert steps == RULES["doc.verify.reply"].steps


# -- facts


@pytest.mark.parametrize("name", sorted(RULES))
def test_the_facts_of_the_examples_pass(name: str) -> None:
    facts = registry.header_members(registry.example(name), parent={"purpose_code": "LE"}).facts
    check_facts(RULES[name], facts)


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("doc.verify.request", {}),
        ("doc.verify.request", {"urgency": "D"}),
        ("doc.verify.request", {"urgency": "a"}),
        ("doc.verify.request", {"urgency": "A", "valid_until": "2028-11-23"}),
        ("doc.verify.request", {"valid_until": "2028-11-23"}),
        ("doc.alert", {}),
        ("doc.alert", {"valid_until": "2028-11-31"}),
        ("doc.alert", {"valid_until": "20281123"}),
        ("doc.alert", {"valid_until": "2028-11-23", "procedure": "normal"}),
        ("ident.request", {"variant": "own_national"}),
        ("ident.reply", {"urgency": "A"}),
    ],
)
def test_missing_unlisted_and_unreadable_facts_are_refused(kind: str, facts: dict[str, str]) -> None:
    with pytest.raises(Rejected) as refusal:
        check_facts(RULES[kind], facts)
    assert (refusal.value.code, refusal.value.path) == ("HEADER_INVALID", "/ixmfacts")


def test_a_fact_that_no_clock_reads_is_refused_even_where_it_is_listed() -> None:
    rule = KindRule("alert", (), frozenset({"DOC"}), frozenset({"issued"}), facts=("colour",))
    with pytest.raises(Rejected):
        check_facts(rule, {"colour": "2026-11-25"})


# -- a case's life


class Case(RuleBasedStateMachine):
    """One case against everything a sender may try."""

    def __init__(self) -> None:
        super().__init__()
        self.procedure = ""
        self.state: str | None = None
        self.taken: list[str] = []

    @precondition(lambda self: not self.procedure)
    @rule(procedure=st.sampled_from(SHORT))
    def begin(self, procedure: str) -> None:
        self.procedure = procedure

    @precondition(lambda self: self.procedure)
    @rule(step=st.sampled_from(STEPS))
    def take(self, step: str) -> None:
        after = expected(self.procedure, self.state, step)
        if after is None:
            with pytest.raises(Rejected, match="STEP_NOT_ALLOWED"):
                advance(self.procedure, self.state, step)
            return
        self.state = advance(self.procedure, self.state, step)
        assert self.state == after
        self.taken.append(step)

    @invariant()
    def the_case_is_where_a_case_can_be(self) -> None:
        if self.state is None:
            assert not self.taken
            return
        where = PROCEDURES[self.procedure].states[self.state]
        replay: str | None = None
        for step in self.taken:
            replay = advance(self.procedure, replay, step)
        assert replay == self.state
        if where.closed:
            facts = {"urgency": "A", "valid_until": "2028-11-23", "event_on": "2026-11-23"}
            assert next_clock(self.procedure, self.state, facts) is None


TestCase = Case.TestCase
TestCase.settings = settings(max_examples=60, deadline=None, stateful_step_count=12)
