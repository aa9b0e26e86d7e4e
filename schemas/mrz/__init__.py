"""Machine-readable zones of ICAO Doc 9303, all five formats, and the Schengen sticker's own use of MRV-B.

`parse_mrz` reads a zone and says everything that is wrong with it; it never raises for what the lines hold.
"""

from schemas.mrz.digits import check_digit
from schemas.mrz.holder import agrees
from schemas.mrz.layout import FORMATS
from schemas.mrz.reading import Mrz, detect_format, parse_mrz

__all__ = ["FORMATS", "Mrz", "agrees", "check_digit", "detect_format", "parse_mrz"]
