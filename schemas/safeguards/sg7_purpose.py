"""SG7: data serves the purpose it was taken for. Each kind has its purposes, and a question its own.

Rules of purpose hold with and without recipients: they are about what is asked, not about who is asked.
"""

from collections.abc import Mapping
from types import MappingProxyType

from schemas.parts.message import PURPOSES
from schemas.parts.node import Findings
from schemas.safeguards.transfer import Transfer

LAW = (
    "Benelux-Kazakhstan agreement art. 13(2), (8) and the same clause in readmission agreements; "
    "Regulation (EU) 2016/679 art. 5(1)(b); domain.md 11.6"
)

REASONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "VISA_APPLICATION": frozenset({"VISAVER", "DOCFRAUD"}),
        "RETURN": frozenset({"RETURN_ID", "READM", "TRANSIT"}),
        "BORDER": frozenset({"DOCFRAUD", "VISAVER", "OVERSTAY_EU", "LE"}),
        "INVESTIGATION": frozenset({"LE", "DOCFRAUD"}),
    }
)
"""reason of a document check -> the purposes it fits."""

PHOTO_PURPOSES = frozenset({"RETURN_ID", "VISAVER", "LE"})


KIND_PURPOSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "ident.request": ("RETURN_ID", "READM", "TRANSIT", "OVERSTAY_EU", "LE", "CIVILVER"),
        "ident.reply": ("RETURN_ID", "READM", "TRANSIT", "OVERSTAY_EU", "LE", "CIVILVER"),
        "doc.alert": ("DOCFRAUD", "LE"),
        "doc.verify.request": ("DOCFRAUD", "VISAVER", "OVERSTAY_EU", "RETURN_ID", "READM", "TRANSIT", "LE"),
        "doc.verify.reply": ("DOCFRAUD", "VISAVER", "OVERSTAY_EU", "RETURN_ID", "READM", "TRANSIT", "LE"),
        "visa.overstay.notice": ("OVERSTAY_EU", "RETURN_ID", "READM"),
        "visa.overstay.reply": ("OVERSTAY_EU", "RETURN_ID", "READM"),
        "readm.application": ("READM",),
        "readm.ack": ("READM",),
        "readm.info.request": ("READM",),
        "readm.info.supply": ("READM",),
        "readm.extension.request": ("READM",),
        "readm.extension.answer": ("READM",),
        "readm.decision": ("READM",),
        "readm.tacit.claim": ("READM",),
        "readm.td.request": ("READM",),
        "readm.td.issued": ("READM",),
        "readm.communication": ("READM",),
        "readm.error.claim": ("READM",),
        "readm.error.answer": ("READM",),
        "readm.interview.plan": ("READM", "RETURN_ID", "TRANSIT", "OVERSTAY_EU"),
        "readm.interview.result": ("READM", "RETURN_ID", "TRANSIT", "OVERSTAY_EU"),
        "transfer.notice": ("READM",),
        "transfer.ack": ("READM",),
        "transfer.obstacle": ("READM",),
        "transfer.result": ("READM",),
        "transit.application": ("TRANSIT",),
        "transit.decision": ("TRANSIT",),
        "transit.revoke": ("TRANSIT",),
        "transit.result": ("TRANSIT",),
        "doc.alert.update": ("DOCFRAUD", "LE"),
        "doc.alert.feedback": ("DOCFRAUD", "LE"),
        "doc.status.notice": ("DOCFRAUD", "LE"),
        "doc.specimen.notice": ("DOCFRAUD", "LE"),
        "civil.verify.request": ("CIVILVER", "RETURN_ID", "READM"),
        "civil.verify.reply": ("CIVILVER", "RETURN_ID", "READM"),
        "visa.verify.request": ("VISAVER", "DOCFRAUD", "OVERSTAY_EU", "RETURN_ID", "READM", "LE"),
        "visa.verify.reply": ("VISAVER", "DOCFRAUD", "OVERSTAY_EU", "RETURN_ID", "READM", "LE"),
        "visa.misuse.notice": ("VISAVER", "DOCFRAUD", "OVERSTAY_EU", "LE"),
        "visa.misuse.ack": ("VISAVER", "DOCFRAUD", "OVERSTAY_EU", "LE"),
        "exit.confirm.request": ("OVERSTAY_EU", "RETURN_ID", "READM"),
        "exit.confirm.reply": ("OVERSTAY_EU", "RETURN_ID", "READM"),
        "misuse.pattern.report": ("VISAVER", "DOCFRAUD", "OVERSTAY_EU"),
        "case.withdraw": PURPOSES,
        "case.status.query": ("ADMIN",),
        "case.status.report": ("ADMIN",),
        "data.correction": PURPOSES,
        "data.correction.done": PURPOSES,
        "subject.request": ("DP",),
        "subject.request.outcome": ("DP",),
        "use.report.request": PURPOSES,
        "use.report": PURPOSES,
        "directory.update": ("ADMIN",),
        "stat.submission": ("STAT",),
        "stat.release": ("STAT",),
        "error.report": PURPOSES,
    }
)
"""kind -> the purposes it serves; the first is meant where a payload may leave it out and states none."""


def check(transfer: Transfer) -> Findings:
    """SG7 at a purpose the kind does not serve, a reason that does not fit, a photograph compared for nothing."""
    message, purpose = transfer.message, transfer.purpose
    if purpose not in PURPOSES:
        return
    if purpose not in KIND_PURPOSES.get(transfer.kind, ()):
        yield message["purpose_code"].finding("SG7")
    reason = message["reason"]
    if reason.text is not None and purpose not in REASONS.get(reason.text, PURPOSES):
        yield reason.finding("SG7")
    if transfer.kind == "doc.verify.request" and purpose not in PHOTO_PURPOSES:
        for question in message["questions"].items:
            if question.text == "PHOTO_MATCH":
                yield question.finding("SG7")
