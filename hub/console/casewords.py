"""What procedures, states, kinds and clocks are called on pages. A test holds that no code of the tables is missing.

A suspended case is shown as suspended, with where it stood; why it is suspended is known to nobody here.
"""

from collections.abc import Mapping
from types import MappingProxyType

from schemas.lifecycles.suspension import SUSPENDED

PROCEDURES: Mapping[str, str] = MappingProxyType(
    {
        "identification": "Identification",
        "document_check": "Document check",
        "alert": "Forged-document alert",
        "overstay": "Overstay notice",
        "readmission": "Readmission",
        "transit": "Transit",
        "document_notice": "Notice about documents",
        "civil_check": "Civil status check",
        "visa_check": "Visa check",
        "visa_misuse": "Visa misuse notice",
        "exit_check": "Exit check",
        "misuse_pattern": "Pattern of misuse",
        "case_status": "Question about a case",
        "subject_request": "Request of a person",
        "directory_update": "Directory update",
        "statistics": "Statistics",
    }
)

_WITHDRAWN = "Withdrawn"
_ASKED = {"requested": "Waiting for an answer", "answered": "Answered", "withdrawn": _WITHDRAWN}

_STATES: Mapping[str, Mapping[str, str]] = {
    "identification": {
        **_ASKED,
        "interview_planned": "Interview planned",
        "interview_held": "Interview held",
    },
    "document_check": {**_ASKED, "cannot_say": "Issuer cannot say"},
    "alert": {"issued": "In force", "confirmed": "Confirmed by a laboratory", "withdrawn": _WITHDRAWN},
    "overstay": {"notified": "Waiting for a reply", "answered": "Replied", "withdrawn": _WITHDRAWN},
    "readmission": {
        "sent": "Sent, not yet acknowledged",
        "received": "Received, incomplete",
        "verifying": "Being examined",
        "info_requested": "More was asked for",
        "info_supplied": "More was supplied",
        "interview_planned": "Interview planned",
        "interview_held": "Interview held",
        "silent_expired": "No answer in time",
        "accepted": "Accepted",
        "tacit_claimed": "Consent by silence claimed",
        "td_requested": "Travel document asked for",
        "td_issued": "Travel document issued",
        "td_substituted": "Travels on the requesting state's document",
        "transfer_notified": "Transfer announced",
        "transfer_acknowledged": "Transfer acknowledged",
        "transfer_failed": "Transfer did not take place",
        "communicated": "Announced with a valid document",
        "handed_over": "Handed over",
        "error_claimed": "Error claimed",
        "refused": "Refused",
        "window_expired": "Time for the transfer ended",
        "closed": "Closed",
        "taken_back": "Taken back",
        "error_rejected": "Claim of error rejected",
        "withdrawn": _WITHDRAWN,
    },
    "transit": {
        "applied": "Waiting for an answer",
        "consented": "Allowed",
        "refused": "Refused",
        "revoked": "Leave taken back",
        "performed": "Passed through",
        "taken_back": "Taken back",
        "window_expired": "Time for the transit ended",
        "withdrawn": _WITHDRAWN,
    },
    "document_notice": {"notified": "Told"},
    "civil_check": {**_ASKED, "cannot_say": "Registry cannot say"},
    "visa_check": {**_ASKED, "cannot_say": "Issuer cannot say"},
    "visa_misuse": {
        "requested": "Waiting for an acknowledgement",
        "acknowledged": "Acknowledged",
        "withdrawn": _WITHDRAWN,
    },
    "exit_check": _ASKED,
    "misuse_pattern": {"notified": "Told"},
    "case_status": _ASKED,
    "subject_request": _ASKED,
    "directory_update": {"notified": "Told"},
    "statistics": {"notified": "Told"},
}

STATES: Mapping[tuple[str, str], str] = MappingProxyType(
    {(procedure, name): said for procedure, states in _STATES.items() for name, said in states.items()}
)


def state(procedure: str, name: str) -> str:
    """A state in words; an unknown one shows itself."""
    held = name.removeprefix(f"{SUSPENDED}/")
    said = STATES.get((procedure, held), held)
    return said if held == name else f"Suspended ({said[:1].lower()}{said[1:]})"


KINDS: Mapping[str, str] = MappingProxyType(
    {
        "ident.request": "Identification request",
        "ident.reply": "Identification reply",
        "doc.alert": "Forged-document alert",
        "doc.alert.update": "Update of an alert",
        "doc.alert.feedback": "Feedback on an alert",
        "doc.status.notice": "Notice of a document's status",
        "doc.specimen.notice": "Notice of a specimen",
        "doc.verify.request": "Document check request",
        "doc.verify.reply": "Document check reply",
        "civil.verify.request": "Civil status check request",
        "civil.verify.reply": "Civil status check reply",
        "visa.verify.request": "Visa check request",
        "visa.verify.reply": "Visa check reply",
        "visa.misuse.notice": "Visa misuse notice",
        "visa.misuse.ack": "Acknowledgement of a misuse notice",
        "visa.overstay.notice": "Overstay notice",
        "visa.overstay.reply": "Overstay reply",
        "exit.confirm.request": "Exit check request",
        "exit.confirm.reply": "Exit check reply",
        "misuse.pattern.report": "Report of a pattern of misuse",
        "readm.application": "Readmission application",
        "readm.ack": "Acknowledgement of an application",
        "readm.info.request": "Request for more",
        "readm.info.supply": "Supply of what was asked for",
        "readm.extension.request": "Request for more time",
        "readm.extension.answer": "Answer about more time",
        "readm.decision": "Readmission decision",
        "readm.interview.plan": "Interview plan",
        "readm.interview.result": "Interview result",
        "readm.tacit.claim": "Claim of consent by silence",
        "readm.td.request": "Request about a travel document",
        "readm.td.issued": "Travel document issued",
        "readm.communication": "Announcement with a valid document",
        "readm.error.claim": "Claim of error",
        "readm.error.answer": "Answer to a claim of error",
        "transfer.notice": "Transfer notice",
        "transfer.ack": "Acknowledgement of a transfer notice",
        "transfer.obstacle": "Obstacle to a transfer",
        "transfer.result": "Result of a transfer",
        "transit.application": "Transit application",
        "transit.decision": "Transit decision",
        "transit.revoke": "Leave for transit taken back",
        "transit.result": "Result of a transit",
        "case.withdraw": "Withdrawal",
        "case.status.query": "Question about a case",
        "case.status.report": "Report about a case",
        "data.correction": "Correction of data",
        "data.correction.done": "Answer to a correction",
        "subject.request": "Request of a person",
        "subject.request.outcome": "Outcome of a person's request",
        "use.report.request": "Request to tell of use",
        "use.report": "Report of use",
        "directory.update": "Directory update",
        "stat.submission": "Statistics submitted",
        "stat.release": "Statistics released",
        "error.report": "Report of an error",
    }
)

CLOCKS: Mapping[str, str] = MappingProxyType(
    {"ack": "Acknowledgement due", "answer": "Answer due", "validity": "Valid until"}
)

AGREED: Mapping[str, str] = MappingProxyType(
    {
        "reply_limit": "Reply due by the agreement",
        "transfer_limit": "Transfer due by the agreement",
        "td_limit": "Travel document due by the agreement",
        "td_validity": "Travel document valid until",
        "error_limit": "Error can be claimed until",
        "transit_reply_limit": "Transit reply due by the agreement",
        "transit_limit": "Transit due by the agreement",
    }
)
"""The clocks of an agreement, by the profile's key."""
