"""Data that was sent, version 1: putting it right, and what became of it (domain.md 11.4 and 7, kinds 50, 51, 54, 55).

`data.correction` tells every holder what was wrong, unlawful or too much in messages of a case; `data.correction.done`
says for each place what was done. `use.report.request` asks whoever got data what it was used for, `use.report` says so
(Benelux-Kazakhstan art. 13(6), (7), (9)). They name places, not persons.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from schemas.kinds.kind import Kind, always
from schemas.parts.block import Block, many, matching, text_of
from schemas.parts.coded import coded, listed
from schemas.parts.context import CheckContext
from schemas.parts.dates import CivilDate, Moment
from schemas.parts.message import Answer, MessageId, Reply
from schemas.parts.node import Findings, Node

TARGETS_MAX = 100

WITH_VALUE = frozenset({"RECTIFY", "COMPLETE"})


class Target(Block):
    """A place in a message: an RFC 6901 pointer into its payload, empty for the whole."""

    message_id: MessageId
    path: Annotated[str, matching("^(/[A-Za-z0-9_.-]{1,64}){0,16}$")]


class DataCorrection(Reply):
    """Tells the holders of data that it has to be put right, erased, masked or completed.

    `value` is the one right value for all the places, in writing; a number or truth value as JSON writes it.
    """

    kind: Literal["data.correction"]
    targets: Annotated[list[Target], many(longest=TARGETS_MAX, shortest=1)]
    action: Annotated[str, listed("RECTIFY", "ERASE", "MASK", "COMPLETE")]
    value: Annotated[str, text_of(300)] | None = None
    reason: Annotated[str, listed("WRONG", "UNLAWFUL", "EXEMPT", "OUTDATED", "EXCESSIVE")]
    effective_at: Moment


class LegalHold(Block):
    """Until when the law forbids it."""

    until: CivilDate


class TargetResult(Block):
    """What was done at one place."""

    message_id: MessageId
    path: Annotated[str, matching("^(/[A-Za-z0-9_.-]{1,64}){0,16}$")]
    outcome: Annotated[str, listed("DONE", "NOT_HELD", "LEGAL_HOLD")]
    legal_hold: LegalHold | None = None


class DataCorrectionDone(Answer):
    """Says what was done at each place of a data.correction."""

    kind: Literal["data.correction.done"]
    targets: Annotated[list[TargetResult], many(longest=TARGETS_MAX, shortest=1)]


MessageIds = Annotated[list[MessageId], many(longest=TARGETS_MAX, shortest=1)]


class UseReportRequest(Answer):
    """Asks what the data of these messages was used for."""

    kind: Literal["use.report.request"]
    message_ids: MessageIds


class UseReport(Answer):
    """Says what the data of these messages was used for, and whether it helped."""

    kind: Literal["use.report"]
    message_ids: MessageIds
    uses: Annotated[list[Annotated[str, coded("data_use")]], many(longest=10)]
    result: Annotated[str, listed("HELPED", "DID_NOT_HELP", "PENDING", "NOT_USED")]


def check_data_correction(message: Node, context: CheckContext) -> Findings:
    """A new value where one is put in, and only there; places that exist in the message referred to."""
    action, value = message["action"].text, message["value"]
    if action in WITH_VALUE and not value.present:
        yield value.finding("FIELD_MISSING")
    if action not in {None, *WITH_VALUE} and value.present:
        yield value.finding("FIELD_UNKNOWN")
    referred = message["in_reply_to"].text
    for target in message["targets"].items:
        path = target["path"]
        if path.text is None:
            continue
        if action in WITH_VALUE and not path.text:
            yield path.finding("FIELD_PATTERN")  # a value takes the place of a value, not of a message
        at_hand = context.parent is not None and target["message_id"].text == referred is not None
        if at_hand and action in {"RECTIFY", "ERASE", "MASK"} and not _holds(context.parent or {}, path.text):
            yield path.finding("FIELD_RANGE")


def check_data_correction_done(message: Node, context: CheckContext) -> Findings:
    """One result for each place that was named, none extra; a legal hold says until when."""
    for result in message["targets"].items:
        held, hold = result["outcome"].text, result["legal_hold"]
        if held == "LEGAL_HOLD" and not hold.present:
            yield hold.finding("FIELD_MISSING")
        if held not in {None, "LEGAL_HOLD"} and hold.present:
            yield hold.finding("FIELD_UNKNOWN")
        until = hold["until"]
        if until.day is not None and until.day < context.today:
            yield until.finding("FIELD_RANGE")
    if context.parent is None:
        return
    named, said = (
        [_place(target) for target in node.items] for node in (Node(context.parent)["targets"], message["targets"])
    )
    for result, place in zip(message["targets"].items, said, strict=True):
        if place not in named or said.count(place) > 1:
            yield result.finding("FIELD_UNKNOWN")
    if not set(named) <= set(said):
        yield message["targets"].finding("FIELD_MISSING")


def check_use_report(message: Node, context: CheckContext) -> Findings:
    """About the messages asked about, and no others; a use unless there was none."""
    uses, result = message["uses"], message["result"].text
    if result == "NOT_USED" and uses.items:
        yield uses.finding("FIELD_UNKNOWN")
    if result in {"HELPED", "DID_NOT_HELP"} and uses.present and not uses.items:
        yield uses.finding("FIELD_LENGTH")
    if context.parent is None:
        return
    asked = Node(context.parent)["message_ids"].texts
    for one in message["message_ids"].items:
        if one.text is not None and one.text not in asked:
            yield one.finding("FIELD_UNKNOWN")
    if message["message_ids"].present and not set(asked) <= set(message["message_ids"].texts):
        yield message["message_ids"].finding("FIELD_MISSING")


def check_use_report_request(message: Node, context: CheckContext) -> Findings:  # noqa: ARG001 - one form for all kinds
    """The message referred to is among those asked about."""
    referred, asked = message["in_reply_to"], message["message_ids"]
    if referred.text is not None and asked.items and referred.text not in asked.texts:
        yield asked.finding("FIELD_MISSING")


def _place(target: Node) -> tuple[str | None, str | None]:
    return target["message_id"].text, target["path"].text


def _holds(payload: Mapping[str, object], path: str) -> bool:
    """Whether a payload has something at a pointer."""
    place: object = payload
    for step in path.split("/")[1:]:
        match place:
            case dict() if step in place:
                place = place[step]
            case list() if step.isdecimal() and int(step) < len(place):
                place = place[int(step)]
            case _:
                return False
    return True


KINDS = (
    Kind("data.correction", DataCorrection, check_data_correction, always("correction")),
    Kind("data.correction.done", DataCorrectionDone, check_data_correction_done, always("correction_done")),
    Kind("use.report.request", UseReportRequest, check_use_report_request, always("use_asked")),
    Kind("use.report", UseReport, check_use_report, always("use_told")),
)
