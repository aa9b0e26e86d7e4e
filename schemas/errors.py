"""Every way to fail, and whose fault it is.

    LiaisonError            never raised itself
    |-- Rejected            theirs: what they sent is not acceptable; stable `code`, JSON pointer, never the value
    |-- Unavailable         a neighbour's or the machine's: try again after `retry_after_seconds`
    `-- Fault               ours: stop, restart from what is on disk

A code is part of what partners build on: its meaning never changes, and each has a page in docs/codes/. The status is
the HTTP status the hub answers with; codes that only an edge can find (payload rules) carry 422, which the edge's own
REST channel uses. Verification raises; it never returns a bool that somebody could forget to look at.
"""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


class LiaisonError(Exception):
    """Root of the tree above; raised by nobody."""


class Rejected(LiaisonError):
    """What they sent is refused. Final, unless the code's page says that the cause can be cured.

    Attributes:
        code: a key of `CODES`.
        path: RFC 6901 pointer to the offending member, or to where a missing one should stand; None for the whole.
    """

    def __init__(self, code: str, path: str | None = None) -> None:
        super().__init__(code if path is None else f"{code} at {path}")
        self.code = code
        self.path = path

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return CODES[self.code].status

    @property
    def words(self) -> str:
        """A sentence that is safe to show anyone: it depends on the code alone."""
        return CODES[self.code].words


class Unavailable(LiaisonError):
    """Nothing is wrong with the request; the same bytes may be sent again after a while."""

    def __init__(self, code: str = "BUSY", retry_after_seconds: float = 1.0) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after_seconds = retry_after_seconds

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return CODES[self.code].status


class Fault(LiaisonError):
    """Our own state cannot be trusted any more; whoever catches this reloads it from disk or ends the process."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing a check found. Never holds a value from the message, only where it stood."""

    path: str
    code: str
    severity: Severity = "error"

    def as_json(self) -> dict[str, str]:
        """The object that `liaison schema check` prints."""
        return {"code": self.code, "path": self.path, "severity": self.severity}


@dataclass(frozen=True, slots=True)
class Code:
    """What a code means to whoever receives it."""

    code: str
    status: int
    words: str
    severity: Severity = "error"


def _table(*rows: Code) -> dict[str, Code]:
    return {row.code: row for row in rows}


CODES: dict[str, Code] = _table(
    # -- the form of a text
    Code("JSON_INVALID", 400, "The text is not one JSON value that all readers understand alike."),
    Code("KIND_UNKNOWN", 422, "There is no message kind of this name."),
    Code("UNSUPPORTED_VERSION", 422, "This version of the kind is not known here."),
    Code("FIELD_MISSING", 422, "A mandatory field is missing."),
    Code("FIELD_UNKNOWN", 422, "This kind has no such field."),
    Code("FIELD_TYPE", 422, "The field's value is of the wrong type."),
    Code("FIELD_LENGTH", 422, "The text or list is too short or too long."),
    Code("FIELD_RANGE", 422, "The value lies outside the range allowed here."),
    Code("FIELD_PATTERN", 422, "The text is not of the form this field has."),
    Code("CODE_UNKNOWN", 422, "The code is not in the code list of this field."),
    Code("NON_ICAO_CODE", 422, "The state code is not one that ICAO Doc 9303 knows.", "warning"),
    # -- the container and its header
    Code("CONTAINER_MALFORMED", 400, "The bytes are not a well-formed container."),
    Code("CONTAINER_LIMIT", 413, "The container, or one of its parts, is larger than allowed."),
    Code("HEADER_INVALID", 400, "The signed header is not well-formed."),
    Code("HEADER_MISMATCH", 422, "The signed header and the sealed payload disagree."),
    Code("SUITE_UNSUPPORTED", 400, "The cryptographic suite is not accepted here."),
    Code("SIGNATURE_INVALID", 401, "A signature does not verify."),
    Code("KEY_UNKNOWN", 401, "A key named in the message is not in the key directory."),
    Code("KEY_INACTIVE", 401, "A key named in the message is not valid at this position of the log."),
    Code("RECIPIENTS_MISMATCH", 400, "The recipients in the header and the key stanzas disagree."),
    Code("RECIPIENT_UNKNOWN", 403, "A recipient is not a partner of this hub."),
    Code("PART_DIGEST", 400, "The bytes of a part do not have the digest they are named by."),
    Code("PART_MISSING", 409, "A detached part has not been uploaded; upload it, then send the message again."),
    Code("OPEN_FAILED", 422, "The sealed content could not be opened by the recipient."),
    # -- identity, time and order
    Code("DUPLICATE_DIFFERS", 409, "Another message of this sender already bears this id."),
    Code("CLOCK_AHEAD", 403, "The message's time lies in the future."),
    Code("EXPIRED", 410, "The message has expired."),
    Code("UNKNOWN_PARENT", 409, "The message answered is not known here."),
    Code("WRONG_CASE", 403, "The message does not fit a case open to its sender."),
    Code("STEP_NOT_ALLOWED", 409, "The case's life cycle does not allow this step now."),
    # -- policy
    Code("NO_AGREEMENT", 403, "No agreement in force allows this between these parties."),
    Code("AGREEMENT_SUSPENDED", 403, "The agreement is suspended."),
    Code("PROFILE_INACTIVE", 422, "The agreement's profile is not in force for this step."),
    Code("PROFILE_UNVERIFIED", 422, "The agreement's profile is not verified; dates are indicative.", "warning"),
    Code("PURPOSE_NOT_ALLOWED", 403, "The agreement does not cover this purpose."),
    Code("BASIS_NOT_ALLOWED", 403, "The agreement does not name this legal basis."),
    Code("KIND_NOT_ALLOWED", 403, "This kind is not allowed here."),
    Code("TEST_NOT_ALLOWED", 403, "Test messages are not taken here, or this partner may send only those."),
    Code("SENDER_ROLE", 403, "The sender's role may not send this kind."),
    Code("SENDER_NOT_ISSUER", 422, "Only the issuing state may say this."),
    Code("RECIPIENT_NOT_COMPETENT", 422, "Another state than this recipient can answer.", "warning"),
    # -- the machine
    Code("REQUEST_INVALID", 400, "The request is not well-formed."),
    Code("REQUEST_UNSIGNED", 401, "The request's signature is missing or does not verify."),
    Code("CROSS_SITE", 403, "The form was not sent by a page of this hub."),
    Code("SIGN_IN_INVALID", 401, "The sign-in link was used already, is too old, or was never made."),
    Code("NOT_FOUND", 404, "There is nothing here for this caller."),
    Code("METHOD_NOT_ALLOWED", 405, "This address does not take this method."),
    Code("MEDIA_TYPE", 415, "The media type is not accepted here."),
    Code("RATE_LIMITED", 429, "More requests than agreed; try again later."),
    Code("BUSY", 503, "The hub cannot take more just now; try again later."),
    Code("STORE_UNAVAILABLE", 503, "The hub cannot write durably just now; nothing was taken."),
    Code("MIGRATION_NEEDED", 503, "The database's tables are of another release than the program."),
    Code("BROKER_RIGHTS", 503, "The broker does not grant this program what it asked for."),
    Code("BROKER_TOPIC", 503, "A topic of the broker is missing, or is not as the hub needs it."),
    Code("BROKER_POSITION", 503, "The broker no longer has what was to be read next; it is filled again from the log."),
    Code("PUSH_REFUSED", 502, "The recipient's address refused the delivery; it is parked until an operator acts."),
    Code("UNREACHABLE", 503, "The other side could not be reached; try again later."),
    Code("KEY_FILE_INVALID", 500, "A key or passphrase file is missing or damaged, or the passphrase is wrong."),
    Code("SECRET_EXPOSED", 500, "A file that holds a secret may be read by others; its mode must be 0600."),
    Code("TLS_REQUIRED", 403, "Any address but loopback needs TLS."),
    Code("INTERNAL", 500, "Something failed on our side; nothing was taken."),
    # -- documents, persons, stays
    Code("MRZ_LENGTH", 422, "A line of the machine-readable zone has the wrong length."),
    Code("MRZ_CHARSET", 422, "The machine-readable zone has a character it cannot have there."),
    Code("MRZ_CD_NUMBER", 422, "The check digit of the document number is wrong."),
    Code("MRZ_CD_BIRTH", 422, "The check digit of the date of birth is wrong."),
    Code("MRZ_CD_EXPIRY", 422, "The check digit of the date of expiry is wrong."),
    Code("MRZ_CD_OPTIONAL", 422, "The check digit of the optional data is wrong."),
    Code("MRZ_CD_COMPOSITE", 422, "The composite check digit is wrong."),
    Code("MRZ_DATE", 422, "A date in the machine-readable zone does not exist."),
    Code(
        "MRZ_SEX_X",
        422,
        "The machine-readable zone prints X for sex, which ICAO Doc 9303 prints as a filler.",
        "warning",
    ),
    Code("VIZ_MRZ_MISMATCH", 422, "A field and the machine-readable zone disagree, and no reason is given."),
    Code("VISA_MRZ_MISMATCH", 422, "The visa's fields and its machine-readable zone disagree."),
    Code("NAME_SCRIPT", 422, "The name is not written in the script it is said to be in, or lacks a Latin rendering."),
    Code("NAME_CONTROL_CHAR", 422, "The text has a control, direction or private-use character."),
    Code("DATE_PLACEHOLDER", 422, "The date is a placeholder, not a date."),
    Code("STAY_ORDER", 422, "A stay ends before it begins."),
    Code("STAY_RECOMPUTE", 422, "The overstay given does not follow from the stays given."),
    Code("GROUND_REQUIRED", 422, "The decision needs a ground."),
    Code("GROUND_NOT_ALLOWED", 422, "This ground does not fit the decision."),
    Code("REASON_REQUIRED", 422, "A reason is needed here."),
    Code("PERSON_NOT_IN_APPLICATION", 422, "A person named here is not in the application."),
    # -- clocks
    Code("OUT_OF_TIME", 422, "The time limit has passed."),
    Code("LATE_EXTENSION", 422, "The extension was asked for after the period ended."),
    Code("EXTENSION_TOO_LONG", 422, "The extension is longer than the agreement allows."),
    Code("LEAD_TOO_SHORT", 422, "The notice comes too late before the event."),
    Code("WINDOW_EXPIRED", 422, "The window for this step has closed."),
    Code("TD_EXPIRES_BEFORE_TRANSFER", 422, "The travel document expires before the transfer."),
    Code("TACIT_TOO_EARLY", 422, "The period for an answer has not ended."),
    Code("TACIT_NOT_PROVIDED", 422, "Silence has no effect under this profile."),
    # -- safeguards (docs/safeguards.md); told to the sending authority alone, never to the other side
    Code("SG1", 422, "Nothing that shows an asylum matter may go to a state outside that law."),
    Code("SG2", 422, "A return decision that is final for this purpose is needed."),
    Code("SG3", 422, "The person must have been informed."),
    Code("SG4", 422, "The state the data came from must have consented."),
    Code("SG5", 422, "This data of this source system may not be given to this recipient."),
    Code("SG6", 422, "A ground for the transfer to a third country is needed."),
    Code("SG7", 422, "The purpose does not cover this, or the data may not be passed on."),
    Code("SG8", 422, "The data lies outside the closed list of the agreement."),
    Code("SG9", 422, "The record that this sending needs is missing."),
    Code("SG10", 422, "Health and danger may be given as coded needs only."),
    Code("SG11", 422, "The safeguards for a minor or a vulnerable person are not met."),
    Code("SG12", 422, "The unity of the family is not kept."),
    Code("SG13", 422, "A recent non-refoulement check is needed."),
    Code("SG14", 422, "This source system's data needs the consent of its origin."),
    Code("FREETEXT_HOLD", 422, "A free text is held until an officer releases it."),
    Code("SAME_PERSON", 403, "A second person must decide this; the one named has decided already."),
    Code("CLASSIFIED", 422, "Classified information may not be sent this way."),
    Code("HANDLING_TEXT", 422, "Handling code H3 needs its text, and only H3 has one."),
    # -- attachments
    Code("ATTACH_TYPE", 422, "The attachment's type is not accepted."),
    Code("ATTACH_SIZE", 413, "The attachment is larger than allowed."),
    Code("ATTACH_HASH", 422, "The attachment's bytes do not have the digest given."),
    # -- the log and its proofs
    Code("PROOF_INVALID", 401, "The proof does not show what it claims."),
    Code("CHECKPOINT_INVALID", 401, "The checkpoint's signatures do not verify."),
    Code("LOG_INCONSISTENT", 401, "Two signed states of the log contradict each other."),
    Code("DIRECTORY_INVALID", 401, "The key directory's chain of signatures does not verify."),
    Code("BACKUP_INVALID", 422, "The backup is not whole, or not as this hub made it."),
    Code("LOG_BEHIND", 503, "Somebody has seen a newer state of the log than is here."),
    # -- the edge
    Code("OUT_OF_ORDER", 422, "The message was handed over before the one it answers.", "warning"),
    Code("CHANNEL_REJECTED", 422, "The national system refused the message for good."),
    Code("INPUT_LIMIT", 413, "The file or request from the national system is larger than allowed."),
    Code("INPUT_ENCODING", 400, "The text is not UTF-8."),
    Code("INPUT_NAME", 422, "The file's name, or the name given to the submission, is not of the form allowed."),
    Code("FILE_UNUSABLE", 422, "This is not a regular file that can be read."),
    Code("TABLE_COLUMNS", 422, "The table's columns, or a row's cells, are not those that its mapping names."),
    Code("TABLE_MALFORMED", 422, "The text is not a well-formed table."),
    Code("MAPPING_INVALID", 422, "There is no mapping for this table, or it is not well-formed."),
    Code("ATTACH_MISSING", 422, "A file that the payload names was not given, or not all of one."),
    Code("TOKEN_INVALID", 401, "The bearer token is missing or is not the one agreed."),
)
