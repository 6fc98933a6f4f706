"""Call detail records: one parser for the API's JSON in every shape, one for the CDR page's CSV, and hints for what neither says. No I/O.

Whatever comes in, nothing raises for its content but a table without any known column; what is not understood is kept where it can be,
and counted.
"""

from scraper.cdr.calls import Call, CallFile, ParsedCalls
from scraper.cdr.clock import Moment
from scraper.cdr.files import parse_files
from scraper.cdr.groups import parse_groups
from scraper.cdr.matching import Hints, belongs, candidates
from scraper.cdr.table import CallTable, parse_csv

__all__ = [
    "Call",
    "CallFile",
    "CallTable",
    "Hints",
    "Moment",
    "ParsedCalls",
    "belongs",
    "candidates",
    "parse_csv",
    "parse_files",
    "parse_groups",
]
