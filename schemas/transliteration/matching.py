"""Whether a Latin spelling and a native name can be the same name, under some candidate.

For a person who compares, and for searches that must not miss; it says "could be", never "is". What a document's zone
and its printed name have to agree on is `schemas.mrz`'s, which looks at Latin letters alone (ADR 25).
"""

from schemas.transliteration.candidates import FILLER, Candidate, candidates


def agreeing(latin: str, native: str, language: str, *, maybe_truncated: bool = False) -> tuple[Candidate, ...]:
    """The candidates of a native name that agree with a Latin spelling; empty when none does.

    Args:
        latin: from a zone, with its fillers, or as printed.
        native: the name in its own script.
        language: of the native name (see `candidates`).
        maybe_truncated: the zone's field was filled to its last position, so that its words may be beginnings.
    """
    spellings = [spelt.text.split(FILLER) for spelt in candidates(latin.replace(FILLER, " "), "und")]
    return tuple(
        candidate
        for candidate in candidates(native, language)
        if any(_agree(words, candidate.text.split(FILLER), maybe_truncated=maybe_truncated) for words in spellings)
    )


def _agree(written: list[str], candidate: list[str], *, maybe_truncated: bool) -> bool:
    if maybe_truncated and len(written) <= len(candidate):
        return all(map(str.startswith, candidate, written))
    return written == candidate
