"""Which system a block of data came from (domain.md 11.0, Stay; 11.6). Safeguards judge by this tag."""

from schemas.parts.coded import listed

EU_SYSTEMS = ("EES", "VIS", "SIS", "EURODAC")

SourceSystem = listed(*EU_SYSTEMS, "stamp", "partner_record", "carrier", "statement")
