"""The life cycles: every move in a table, no move beside it, and one language with the registry."""

import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from schemas import registry
from schemas.agreements.agreement import PASSES_SUSPENSION
from schemas.envelope import FACTS
from schemas.errors import Rejected
from schemas.lifecycles import PROCEDURES, RULES, KindRule, advance, check_facts
from schemas.lifecycles.clocks import next_clock

MOVES = {
    ("document_check", None, "requested"): "requested",
    ("document_check", "requested", "answered"): "answered",
    ("document_check", "requested", "cannot_say"): "cannot_say",
    ("alert", None, "issued"): "issued",
    ("identification", None, "requested"): "requested",
    ("identification", "requested", "answered"): "answered",
    ("overstay", None, "notified"): "notified",
    ("overstay", "notified", "answered"): "answered",
}
"""Every move there is, written a second time."""

STATES = sorted({state for procedure in PROCEDURES.values() for state in procedure.states} | {"closed", ""})
STEPS = sorted({step for rule in RULES.values() for step in rule.steps} | {"closed", "opened", ""})


@pytest.mark.parametrize("procedure", [*PROCEDURES, "readmission", ""])
def test_every_absent_move_is_refused(procedure: str) -> None:
    for state, step in itertools.product([None, *STATES], STEPS):
        if (procedure, state, step) in MOVES:
            assert advance(procedure, state, step) == MOVES[procedure, state, step]
            continue
        with pytest.raises(Rejected) as refusal:
            advance(procedure, state, step)
        assert (refusal.value.code, refusal.value.path) == ("STEP_NOT_ALLOWED", "/ixmstep")


def test_the_tables_hold_together() -> None:
    for name, procedure in PROCEDURES.items():
        assert procedure.name == name
        assert procedure.about.endswith(".")
        reached: set[str] = set()
        ahead = [*procedure.opening.values()]
        while ahead:
            place = ahead.pop()
            if place not in reached:
                reached.add(place)
                ahead += procedure.states[place].moves.values()
        assert reached == set(procedure.states), "every state can be reached, and every move leads to one"
        for state in procedure.states.values():
            assert not (state.closed and (state.moves or state.next_actor)), "a closed case waits for nobody"
            assert state.next_actor is None or state.moves, "whoever must act can"


def test_every_step_of_a_kind_is_a_move_and_every_move_a_step_of_a_kind() -> None:
    for procedure in PROCEDURES.values():
        opens: set[str] = set()
        moves: set[str] = set()
        for kind in procedure.rules.values():
            assert kind.procedure == procedure.name
            assert kind.steps
            assert kind.sender_roles
            (moves if kind.replies_to else opens).update(kind.steps)
        assert opens == set(procedure.opening)
        assert moves == {step for state in procedure.states.values() for step in state.moves}


def test_a_kind_belongs_to_one_procedure() -> None:
    assert len(RULES) == sum(len(procedure.rules) for procedure in PROCEDURES.values())
    for kind in RULES.values():
        assert {RULES[parent].procedure for parent in kind.replies_to} <= {kind.procedure}


# -- one language with the registry


def test_rules_and_registry_know_the_same_kinds() -> None:
    assert set(RULES) == set(registry.KINDS)
    assert not PASSES_SUSPENSION & set(RULES), "once such a kind is here, a test must send it through a suspension"


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_rule_says_what_the_registry_says(name: str) -> None:
    rule, entry = RULES[name], registry.KINDS[name]
    assert rule.replies_to == entry.replies_to
    assert rule.about_person == entry.about_person
    assert set(rule.facts) == set(entry.facts)
    assert set(rule.facts) <= set(FACTS)
    assert registry.header_members(registry.example(name), parent={"purpose_code": "LE"}).step in rule.steps
    assert not (rule.about_person and rule.many_recipients), "a message about a person has one recipient"


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
    rule = KindRule("alert", (), frozenset({"DOC"}), frozenset({"issued"}), facts=("event_on",))
    with pytest.raises(Rejected):
        check_facts(rule, {"event_on": "2026-11-25"})


# -- a case's life


class Case(RuleBasedStateMachine):
    """One case against everything a sender may try."""

    def __init__(self) -> None:
        super().__init__()
        self.procedure = ""
        self.state: str | None = None
        self.taken: list[str] = []

    @precondition(lambda self: not self.procedure)
    @rule(procedure=st.sampled_from(sorted(PROCEDURES)))
    def begin(self, procedure: str) -> None:
        self.procedure = procedure

    @precondition(lambda self: self.procedure)
    @rule(step=st.sampled_from(STEPS))
    def take(self, step: str) -> None:
        expected = MOVES.get((self.procedure, self.state, step))
        if expected is None:
            with pytest.raises(Rejected, match="STEP_NOT_ALLOWED"):
                advance(self.procedure, self.state, step)
            return
        self.state = advance(self.procedure, self.state, step)
        assert self.state == expected
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
            facts = {"urgency": "A", "valid_until": "2028-11-23"}
            assert next_clock(self.procedure, self.state, facts) is None


TestCase = Case.TestCase
TestCase.settings = settings(max_examples=60, deadline=None, stateful_step_count=12)
