"""The tables of the life cycles: they hold together, agree with the kinds, and are the diagrams of domain.md 12."""

from collections.abc import Callable, Iterator

import pytest

from schemas import lifecycles, registry
from schemas.envelope import FACTS
from schemas.errors import Rejected
from schemas.lifecycles import PROCEDURES, RULES, beside
from schemas.lifecycles.suspension import RESUMED, SUSPENDED

READMISSION = PROCEDURES["readmission"]
TRANSIT = PROCEDURES["transit"]
NAMES = sorted(PROCEDURES)

TWIN = f"{SUSPENDED}/"


@pytest.mark.parametrize("name", NAMES)
def test_every_move_leads_somewhere(name: str) -> None:
    table = PROCEDURES[name]
    ends = {end for state in table.states.values() for end in state.clocks.values() if end is not None}
    targets = {to for state in table.states.values() for to in state.moves.values()} | ends
    assert targets | set(table.opening.values()) <= set(table.states)


@pytest.mark.parametrize("name", NAMES)
def test_every_state_can_be_reached(name: str) -> None:
    table = PROCEDURES[name]
    found, ahead = set(), list(table.opening.values())
    while ahead:
        state = ahead.pop()
        if state not in found:
            found.add(state)
            ahead += [*table.states[state].moves.values(), *filter(None, table.states[state].clocks.values())]
    assert found == set(table.states)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_leads_out_of_a_closed_state(name: str) -> None:
    for state, row in PROCEDURES[name].states.items():
        if row.closed:
            assert set(row.moves.values()) <= {state}
            assert set(row.moves) <= set(beside.LEAVES)
            assert not row.clocks
            assert row.next_actor is None


@pytest.mark.parametrize("name", NAMES)
def test_a_late_step_is_taken_and_leaves_the_case_where_it_stands(name: str) -> None:
    for state, row in PROCEDURES[name].states.items():
        for step in row.late:
            assert lifecycles.advance(name, state, step) == state
            assert lifecycles.is_late(name, state, step)


def test_kinds_and_rules_are_the_same() -> None:
    assert set(RULES) == set(registry.KINDS)


def test_a_kind_says_the_steps_and_facts_its_rule_knows(kind: str) -> None:
    rule, told = RULES[kind], registry.header_members(registry.example(kind), parent={"purpose_code": "ADMIN"})
    assert told.step in rule.steps
    assert set(registry.kind(kind).facts) == {*rule.facts, *rule.may_facts}
    lifecycles.check_facts(rule, told.facts)


def test_a_kind_of_readmission_is_sent_by_the_side_its_text_names() -> None:
    by = {kind: rule.by for kind, rule in READMISSION.rules.items()} | {
        kind: rule.by for kind, rule in TRANSIT.rules.items()
    }
    requesting = {kind for kind, side in by.items() if side == "opener"}
    assert requesting == {
        "readm.application", "readm.tacit.claim", "readm.td.request", "readm.communication", "transfer.notice",
        "readm.error.answer", "transit.application",
    }  # fmt: skip
    assert {kind for kind, side in by.items() if side is None} == {
        "readm.info.request", "readm.info.supply", "readm.extension.request", "readm.extension.answer",
        "transfer.result", "transit.result",
    }  # fmt: skip


def test_a_rule_can_be_kept() -> None:
    for kind, rule in RULES.items():
        assert rule.steps, kind
        assert rule.sender_roles, kind
        assert {*rule.facts, *rule.may_facts} <= set(FACTS), kind
        assert not set(rule.facts) & set(rule.may_facts), kind
        assert not (rule.about_person and rule.many_recipients), "a message about a person has one recipient"


@pytest.mark.parametrize("name", NAMES)
def test_whoever_must_act_can(name: str) -> None:
    assert PROCEDURES[name].name == name
    assert PROCEDURES[name].about.endswith(".")
    for row in PROCEDURES[name].states.values():
        assert row.next_actor is None or set(row.moves) - set(beside.LEAVES)


@pytest.mark.parametrize("name", NAMES)
def test_every_step_is_some_kinds(name: str) -> None:
    table = PROCEDURES[name]
    borne = {step for rule in RULES.values() for step in rule.steps}
    steps = {step for state in table.states.values() for step in state.moves}
    assert steps - borne <= {SUSPENDED, RESUMED}  # the hub learns of those without a message
    own = {step for rule in table.rules.values() for step in rule.steps}
    assert own <= steps | set(table.opening)


# -- the diagrams

DIAGRAM = """
sent -> received verifying info_requested interview_planned accepted refused
received -> verifying info_requested interview_planned accepted refused
verifying -> info_requested interview_planned accepted refused
info_requested -> info_supplied interview_planned accepted refused
info_supplied -> info_requested interview_planned accepted refused
interview_planned -> interview_held accepted refused
interview_held -> interview_planned accepted refused
silent_expired -> tacit_claimed verifying accepted refused
accepted -> td_requested td_issued td_substituted
tacit_claimed -> td_requested td_issued td_substituted
td_requested -> td_issued td_substituted
td_issued -> td_requested transfer_notified
td_substituted -> td_issued transfer_notified
transfer_notified -> transfer_acknowledged transfer_failed handed_over
transfer_acknowledged -> transfer_failed handed_over
transfer_failed -> transfer_notified td_requested td_issued td_substituted
communicated -> transfer_notified transfer_acknowledged transfer_failed handed_over
handed_over -> error_claimed
error_claimed -> taken_back error_rejected
refused ->
window_expired ->
closed ->
taken_back ->
error_rejected ->
withdrawn ->
"""

TIMES = """
sent received verifying info_requested info_supplied interview_planned interview_held: reply_limit -> silent_expired
accepted tacit_claimed td_requested td_issued td_substituted transfer_failed: transfer_limit -> window_expired
handed_over: error_limit -> closed
"""


def _drawn(text: str) -> dict[str, set[str]]:
    rows = (line.split("->") for line in text.strip().splitlines())
    return {name.strip(): set(targets.split()) for name, targets in rows}


def test_readmission_is_the_diagram() -> None:
    shown = {name: row for name, row in READMISSION.states.items() if not name.startswith(TWIN)}
    twins = {f"{TWIN}{name}" for name in shown}
    found = {name: set(row.moves.values()) - {name, "withdrawn"} - twins for name, row in shown.items()}
    assert found == _drawn(DIAGRAM)


def test_what_the_end_of_a_time_does() -> None:
    found = {
        (name, clock, end)
        for name, row in READMISSION.states.items()
        for clock, end in row.clocks.items()
        if end is not None and not name.startswith(TWIN)
    }
    wanted = set()
    for line in TIMES.strip().splitlines():
        names, rule = line.split(":")
        clock, end = rule.replace("->", " ").split()
        wanted |= {(name, clock, end) for name in names.split()}
    assert found == wanted


@pytest.mark.parametrize(
    ("state", "step", "to"),
    [
        (None, "applied", "applied"),
        ("applied", "consented", "consented"),
        ("applied", "refused", "refused"),
        ("applied", "withdrawn", "withdrawn"),
        ("consented", "performed", "performed"),
        ("consented", "revoked", "revoked"),
        ("revoked", "taken_back", "taken_back"),
        ("applied", "performed", None),
        ("consented", "taken_back", None),
        ("consented", "refused", None),
        ("refused", "consented", None),
        ("performed", "revoked", None),
        ("revoked", "performed", None),
        ("taken_back", "withdrawn", None),
        (None, "consented", None),
    ],
)
def test_transit(state: str | None, step: str, to: str | None) -> None:
    if to is not None:
        assert lifecycles.advance("transit", state, step) == to
    else:
        with pytest.raises(Rejected, match="STEP_NOT_ALLOWED at /ixmstep"):
            lifecycles.advance("transit", state, step)


@pytest.mark.parametrize(
    ("state", "step", "to"),
    [
        ("requested", "interview_planned", "interview_planned"),
        ("interview_planned", "interview_held", "interview_held"),
        ("interview_held", "answered", "answered"),
        ("requested", "interview_held", None),
        ("answered", "interview_planned", None),
    ],
)
def test_an_identification_may_have_an_interview(state: str, step: str, to: str | None) -> None:
    if to is not None:
        assert lifecycles.advance("identification", state, step) == to
    else:
        with pytest.raises(Rejected, match="STEP_NOT_ALLOWED"):
            lifecycles.advance("identification", state, step)


# -- times and late steps


def test_the_end_of_a_time_that_does_not_run_moves_nothing() -> None:
    assert lifecycles.expire("readmission", "verifying", "reply_limit") == "silent_expired"
    assert lifecycles.expire("readmission", "td_requested", "td_limit") == "td_requested"
    assert lifecycles.expire("transit", "consented", "transit_limit") == "window_expired"
    assert lifecycles.expire("transit", "applied", "transit_reply_limit") == "applied"  # silence is never leave
    for procedure, state, clock in [
        ("readmission", "accepted", "reply_limit"),
        ("readmission", "refused", "reply_limit"),
        ("readmission", "nowhere", "reply_limit"),
        ("readmission", "verifying", "lunch"),
        ("nothing", "verifying", "reply_limit"),
    ]:
        with pytest.raises(Rejected, match="STEP_NOT_ALLOWED"):
            lifecycles.expire(procedure, state, clock)


def test_a_decision_after_a_claim_is_late_and_before_it_is_not() -> None:
    for decision in ("accepted", "refused"):
        assert lifecycles.advance("readmission", "silent_expired", decision) == decision
        assert not lifecycles.is_late("readmission", "silent_expired", decision)
        for state in ("tacit_claimed", "td_requested", "td_issued", "transfer_notified", "transfer_failed"):
            assert lifecycles.advance("readmission", state, decision) == state
            assert lifecycles.is_late("readmission", state, decision)
    assert not lifecycles.is_late("readmission", "nowhere", "refused")
    assert not lifecycles.is_late("nothing", "verifying", "refused")


@pytest.mark.parametrize(
    ("procedure", "state"),
    [
        ("readmission", "handed_over"),
        ("readmission", "error_claimed"),
        ("readmission", f"{TWIN}handed_over"),
        ("transit", "revoked"),
    ],
)
def test_a_case_is_not_withdrawn_after_the_fact(procedure: str, state: str) -> None:
    with pytest.raises(Rejected, match="STEP_NOT_ALLOWED"):
        lifecycles.advance(procedure, state, "withdrawn")


# -- suspension


@pytest.mark.parametrize("name", ["readmission", "transit"])
def test_an_open_case_can_be_held_and_goes_on_where_it_stood(name: str) -> None:
    table = PROCEDURES[name]
    for state, row in table.states.items():
        if state.startswith(TWIN):
            assert table.states[state.removeprefix(TWIN)].clocks.keys() == row.clocks.keys()  # the legal times run on
        elif not row.closed:
            held = lifecycles.advance(name, state, SUSPENDED)
            assert held == f"{TWIN}{state}"
            assert lifecycles.advance(name, held, RESUMED) == state
            with pytest.raises(Rejected, match="STEP_NOT_ALLOWED"):
                lifecycles.advance(name, held, SUSPENDED)
        else:
            with pytest.raises(Rejected, match="STEP_NOT_ALLOWED"):
                lifecycles.advance(name, state, SUSPENDED)


@pytest.mark.parametrize(
    ("state", "step", "to"),
    [
        ("verifying", "accepted", "suspended/accepted"),
        ("verifying", "refused", "refused"),
        ("verifying", "withdrawn", "withdrawn"),
        ("verifying", "info_requested", "suspended/info_requested"),
        ("transfer_notified", "handed_over", "suspended/handed_over"),
        ("silent_expired", "tacit_claimed", None),
        ("accepted", "td_requested", None),
        ("td_issued", "transfer_notified", None),
        ("verifying", "interview_planned", None),
    ],
)
def test_what_a_held_case_takes(state: str, step: str, to: str | None) -> None:
    if to is not None:
        assert lifecycles.advance("readmission", f"{TWIN}{state}", step) == to
    else:
        with pytest.raises(Rejected, match="STEP_NOT_ALLOWED"):
            lifecycles.advance("readmission", f"{TWIN}{state}", step)


def test_a_time_ends_in_a_held_case_too() -> None:
    assert lifecycles.expire("readmission", f"{TWIN}verifying", "reply_limit") == f"{TWIN}silent_expired"
    assert lifecycles.expire("readmission", f"{TWIN}accepted", "transfer_limit") == "window_expired"
    assert lifecycles.expire("readmission", f"{TWIN}td_requested", "td_limit") == f"{TWIN}td_requested"


# -- who may send what about which message


@pytest.fixture
def answer() -> Callable[..., None]:
    """answer(kind, parent, source): `a` opened the case to `b`; `of` sent the parent."""

    def check(kind: str, parent: str, *, source: str, of: str) -> None:
        lifecycles.check_answer(
            RULES[kind],
            parent,
            parent_source=of,
            parent_to=[{"a": "b", "b": "a"}[of]],
            source=source,
            to=[{"a": "b", "b": "a"}.get(source, "a")],
            opener="a",
        )

    return check


@pytest.mark.parametrize(
    ("kind", "parent", "of", "allowed"),
    [
        ("readm.ack", "readm.application", "a", "b"),
        ("readm.decision", "readm.application", "a", "b"),
        ("readm.tacit.claim", "readm.application", "a", "a"),
        ("readm.info.request", "readm.application", "a", "ab"),
        ("readm.info.supply", "readm.info.request", "b", "a"),
        ("readm.info.supply", "readm.info.request", "a", "b"),
        ("readm.extension.request", "readm.application", "a", "ab"),
        ("readm.extension.answer", "readm.extension.request", "b", "a"),
        ("readm.td.request", "readm.decision", "b", "a"),
        ("readm.td.request", "readm.tacit.claim", "a", "a"),
        ("readm.td.issued", "readm.td.request", "a", "b"),
        ("readm.td.issued", "readm.decision", "b", "b"),
        ("transfer.notice", "readm.decision", "b", "a"),
        ("transfer.notice", "readm.tacit.claim", "a", "a"),
        ("transfer.notice", "readm.communication", "a", "a"),
        ("transfer.ack", "transfer.notice", "a", "b"),
        ("transfer.obstacle", "transfer.notice", "a", "b"),
        ("transfer.result", "transfer.notice", "a", "ab"),
        ("readm.error.claim", "transfer.result", "a", "b"),
        ("readm.error.claim", "transfer.result", "b", "b"),
        ("readm.error.answer", "readm.error.claim", "b", "a"),
        ("transit.decision", "transit.application", "a", "b"),
        ("transit.revoke", "transit.decision", "b", "b"),
        ("transit.result", "transit.decision", "b", "ab"),
        ("transit.result", "transit.revoke", "b", "ab"),
        ("readm.interview.plan", "ident.request", "a", "b"),
    ],
)
def test_which_side_may_answer_what(kind: str, parent: str, of: str, allowed: str, answer: Callable[..., None]) -> None:
    for source in ("a", "b", "stranger"):
        if source in allowed:
            answer(kind, parent, source=source, of=of)
        else:
            with pytest.raises(Rejected, match="STEP_NOT_ALLOWED at /ixmref"):
                answer(kind, parent, source=source, of=of)


@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        ("readm.decision", "readm.info.request"),
        ("transfer.notice", "readm.application"),
        ("readm.error.claim", "transfer.notice"),
        ("transit.result", "transit.application"),
        ("readm.tacit.claim", "readm.ack"),
    ],
)
def test_not_about_another_message(kind: str, parent: str, answer: Callable[..., None]) -> None:
    for source in ("a", "b"):
        for of in ("a", "b"):
            with pytest.raises(Rejected, match="STEP_NOT_ALLOWED at /ixmref"):
                answer(kind, parent, source=source, of=of)


# -- facts


@pytest.mark.parametrize(
    ("kind", "facts", "accepted"),
    [
        ("readm.application", {"procedure": "normal", "variant": "tcn", "known_on": "2026-01-14"}, True),
        ("readm.application", {"procedure": "normal", "variant": "tcn"}, False),
        ("readm.application", {"procedure": "quick", "variant": "tcn", "known_on": "2026-01-14"}, False),
        ("readm.application", {"procedure": "normal", "variant": "child", "known_on": "2026-01-14"}, False),
        ("readm.application", {"procedure": "normal", "variant": "tcn", "known_on": "yesterday"}, False),
        ("readm.extension.answer", {}, True),
        ("readm.extension.answer", {"valid_until": "2026-04-14"}, True),
        ("readm.extension.answer", {"valid_until": "soon"}, False),
        ("readm.extension.answer", {"event_on": "2026-04-14"}, False),
        ("transfer.result", {"event_on": "2026-03-31T10:50:00+02:00"}, True),
        ("transfer.notice", {}, False),
        ("readm.decision", {"outcome": "REFUSED"}, False),
        ("doc.verify.request", {}, False),
        ("doc.verify.request", {"urgency": "D"}, False),
        ("doc.verify.request", {"urgency": "A", "valid_until": "2028-11-23"}, False),
        ("doc.alert", {"valid_until": "2028-11-31"}, False),
        ("doc.alert", {"valid_until": "20281123"}, False),
        ("doc.alert", {"valid_until": "2028-11-23", "procedure": "normal"}, False),
        ("ident.request", {"variant": "own_national"}, False),
        ("ident.reply", {"urgency": "A"}, False),
    ],
)
def test_the_hub_is_told_what_its_clocks_need_and_no_more(kind: str, facts: dict[str, str], accepted: bool) -> None:
    if accepted:
        lifecycles.check_facts(RULES[kind], facts)
    else:
        with pytest.raises(Rejected, match="HEADER_INVALID at /ixmfacts"):
            lifecycles.check_facts(RULES[kind], facts)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kind" in metafunc.fixturenames and not list(metafunc.definition.iter_markers("parametrize")):
        metafunc.parametrize("kind", list(_kinds()))


def _kinds() -> Iterator[str]:
    yield from registry.KINDS
