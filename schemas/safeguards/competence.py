"""RECIPIENT_NOT_COMPETENT: a warning that the recipient is not the state that can answer.

The issuer answers for a document, the presumed state of nationality for a person, the visa's issuer or a state of
nationality for an overstay (domain.md 10). Who may receive what is the agreement's matter (domain.md 14), so this never
refuses; the specimen state UTO stands for any state.
"""

from schemas.codes import states
from schemas.parts.node import Findings, Node
from schemas.safeguards.transfer import Transfer

LAW = "Catalogue of kinds (domain.md 10): document check to the issuer, identification to the presumed nationality"


def check(transfer: Transfer) -> Findings:
    """The warning, where the field stands that names another state."""
    concerned = _concerned(transfer)
    named = {node.text for node in concerned if node.text is not None}
    if not named or states.SPECIMEN in named:
        return
    if any(state not in named for state in transfer.context.recipient_states):
        yield concerned[0].finding("RECIPIENT_NOT_COMPETENT")


def _concerned(transfer: Transfer) -> list[Node]:
    message = transfer.message
    match transfer.kind:
        case "doc.verify.request":
            return [message["document"]["issuer"]]
        case "readm.application" if message["variant"].text in {"own_national", "former_national"}:
            person = message["person"]
            return [held["code"] for held in person["nationalities"].items] + person["former_nationalities"].items
        case "ident.request":
            return [message["presumed_nationality"]]
        case "visa.overstay.notice":
            nationalities = [held["code"] for held in message["person"]["nationalities"].items]
            return [message["visa"]["issuer"], *nationalities] if message["visa"].present else nationalities
        case "visa.verify.request":
            return [message["visa_issuer"]]
        case "visa.misuse.notice":
            return [message["visa"]["issuer"]]
    return []
