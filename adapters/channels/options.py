"""A channel's own settings: the table `[channels.NAME.options]`, read strictly.

Guarantees what `service.settings` guarantees of a program's: a misspelt name is an error, and no error repeats a value.
"""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.errors import Rejected

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]


class Options(BaseModel):
    """Base of each channel's options."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Kind = TypeVar("Kind", bound=BaseModel)


def load(kind: type[Kind], options: Mapping[str, Any]) -> Kind:
    """The options as `kind` has them.

    Raises:
        Rejected: FIELD_UNKNOWN, FIELD_MISSING or FIELD_RANGE with the option's name as path; never its value.
    """
    try:
        return kind.model_validate(dict(options))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        codes = {"extra_forbidden": "FIELD_UNKNOWN", "missing": "FIELD_MISSING"}
        where = "/" + "/".join(str(step) for step in first["loc"])
        raise Rejected(codes.get(first["type"], "FIELD_RANGE"), where) from None
