"""A readmission case under every sequence of steps and ends of times: what may follow what, whatever comes."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from schemas import lifecycles
from schemas.errors import Rejected
from schemas.lifecycles import PROCEDURES, beside
from schemas.lifecycles.suspension import RESUMED, SUSPENDED

STEPS = sorted(
    {step for table in PROCEDURES.values() for state in table.states.values() for step in state.moves}
    | {step for table in PROCEDURES.values() for step in table.opening}
    | {"invented", ""}
)
CLOCKS = sorted(
    {clock for table in PROCEDURES.values() for row in table.states.values() for clock in row.clocks} | {"x"}
)
TWIN = f"{SUSPENDED}/"


class Case(RuleBasedStateMachine):
    """One case as the hub has it: the state alone, and beside it what a reader of the log would remember."""

    procedure = ""

    def __init__(self) -> None:
        super().__init__()
        self.state = ""
        self.taken: list[str] = []
        self.ended: list[str] = []

    @initialize(data=st.data())
    def open(self, data: st.DataObject) -> None:
        opening = PROCEDURES[self.procedure].opening
        step = data.draw(st.sampled_from(sorted(opening)))
        self.state = lifecycles.advance(self.procedure, None, step)
        self.taken = [step]

    @rule(step=st.sampled_from(STEPS))
    def send(self, step: str) -> None:
        row = PROCEDURES[self.procedure].states[self.state]
        if step not in row.moves:
            with pytest.raises(Rejected) as refusal:
                lifecycles.advance(self.procedure, self.state, step)
            assert (refusal.value.code, refusal.value.path) == ("STEP_NOT_ALLOWED", "/ixmstep")
            return
        before, late = self.state, lifecycles.is_late(self.procedure, self.state, step)
        self.state = lifecycles.advance(self.procedure, before, step)
        if late or step in beside.LEAVES:
            assert self.state == before
        if not late:
            self.taken.append(step)

    @rule(data=st.data())
    def send_what_is_allowed(self, data: st.DataObject) -> None:
        """A machine that draws any step seldom gets far."""
        self.send(data.draw(st.sampled_from(sorted(PROCEDURES[self.procedure].states[self.state].moves))))

    @rule(clock=st.sampled_from(CLOCKS))
    def end(self, clock: str) -> None:
        row = PROCEDURES[self.procedure].states[self.state]
        if clock not in row.clocks:
            with pytest.raises(Rejected):
                lifecycles.expire(self.procedure, self.state, clock)
            return
        self.state = lifecycles.expire(self.procedure, self.state, clock)
        self.ended.append(clock)

    @invariant()
    def is_where_a_case_can_be(self) -> None:
        assert not self.state or self.state in PROCEDURES[self.procedure].states

    @invariant()
    def is_held_exactly_between_two_steps(self) -> None:
        holds = [step for step in self.taken if step in {SUSPENDED, RESUMED}]
        row = PROCEDURES[self.procedure].states.get(self.state)
        if row is not None and not row.closed:
            assert self.state.startswith(TWIN) is (holds[-1:] == [SUSPENDED])


class Readmission(Case):
    """What the treaties say must have happened before."""

    procedure = "readmission"

    @invariant()
    def no_claim_before_the_end_of_the_time(self) -> None:
        assert "tacit_claimed" not in self.taken or "reply_limit" in self.ended

    @invariant()
    def nobody_travels_without_consent_and_document(self) -> None:
        if "transfer_notified" in self.taken or "handed_over" in self.taken:
            consented = {"accepted", "tacit_claimed"} & set(self.taken)
            papers = {"td_issued", "td_substituted"} & set(self.taken)
            assert (consented and papers) or "communicated" in self.taken

    @invariant()
    def a_refusal_ends_it(self) -> None:
        assert "refused" not in self.taken or self.state == "refused"

    @invariant()
    def an_error_is_of_a_hand_over(self) -> None:
        assert "error_claimed" not in self.taken or "handed_over" in self.taken

    @invariant()
    def nobody_withdraws_what_has_happened(self) -> None:
        assert not {"handed_over", "withdrawn"} <= set(self.taken)


class Transit(Case):
    """Silence is never leave."""

    procedure = "transit"

    @invariant()
    def nobody_comes_through_without_leave(self) -> None:
        assert "performed" not in self.taken or "consented" in self.taken

    @invariant()
    def nobody_is_taken_back_who_may_go_on(self) -> None:
        assert "taken_back" not in self.taken or "revoked" in self.taken
        assert not {"performed", "revoked"} <= set(self.taken)


class Overstay(Case):
    """An ordinary question."""

    procedure = "overstay"


class Identification(Case):
    """A question with an interview."""

    procedure = "identification"


class Alert(Case):
    """A warning that nobody need answer."""

    procedure = "alert"


class DocumentCheck(Case):
    """A question of which some answers say nothing."""

    procedure = "document_check"


for machine in (Readmission, Transit, Overstay, Identification, Alert, DocumentCheck):
    machine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

TestReadmission = Readmission.TestCase
TestTransit = Transit.TestCase
TestOverstay = Overstay.TestCase
TestIdentification = Identification.TestCase
TestAlert = Alert.TestCase
TestDocumentCheck = DocumentCheck.TestCase
