"""Which system a block of data came from (domain.md 11.0, Stay; 11.6). Safeguards judge by this tag."""

from typing import Annotated

from schemas.parts.coded import listed

EU_SYSTEMS = ("EES", "VIS", "SIS", "EURODAC")

SourceSystem = Annotated[str, listed(*EU_SYSTEMS, "stamp", "partner_record", "carrier", "statement")]
