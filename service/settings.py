"""Settings of a program: defaults, then a TOML file, then the environment, then what the command line says.

Guarantees that an unknown name in the file is an error (a misspelt limit must not silently be the default) and that
nothing secret is a setting: secrets lie in key files opened by a passphrase file (`keys.custody`), whose *paths* are
settings. Limits bear their unit in their name.
"""

import tomllib
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from schemas.errors import Rejected
from service.clock import Clock, ahead

SETTINGS_BYTES_MAX = 256 * 1024
TEST_CLOCK_AHEAD_SECONDS_MAX = 366 * 86_400

_file: ContextVar[dict[str, Any] | None] = ContextVar("settings_file", default=None)


def settings_config(env_prefix: str) -> SettingsConfigDict:
    """The `model_config` of a program's settings; `env_prefix` for instance `LIAISON_HUB_`."""
    return SettingsConfigDict(
        env_prefix=env_prefix, env_nested_delimiter="__", extra="forbid", frozen=True, validate_default=True
    )


class Settings(BaseSettings):
    """Base of each program's settings. Subclasses set `model_config = settings_config("LIAISON_...")`."""

    model_config = settings_config("LIAISON_")

    @classmethod
    def load(cls, file: Path | None = None, /, **given: Any) -> Self:
        """The settings of a program.

        Args:
            file: a TOML file; absent means defaults and environment alone.
            given: values from the command line; None means not given.

        Raises:
            Rejected: FIELD_UNKNOWN, FIELD_MISSING or FIELD_RANGE with the setting's name as path; never its value.
        """
        token = _file.set(_read(file) if file is not None else None)
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            codes = {"extra_forbidden": "FIELD_UNKNOWN", "missing": "FIELD_MISSING"}
            where = "/" + "/".join(str(step) for step in first["loc"])
            raise Rejected(codes.get(first["type"], "FIELD_RANGE"), where) from None
        finally:
            _file.reset(token)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The order of the module's docstring; no `.env` file and no secrets directory is ever read."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, InitSettingsSource(settings_cls, init_kwargs=_file.get() or {})


class ProgramSettings(Settings):
    """What a hub and an edge have in common: whether they are at work, and what their clock says."""

    live: bool = False
    """Real operation: what belongs to tests is refused."""
    test_clock_ahead_seconds: Annotated[int, Field(ge=0, le=TEST_CLOCK_AHEAD_SECONDS_MAX)] = 0
    """How far the program's clock is ahead of the machine's; among test partners alone, never with `live`."""

    @field_validator("test_clock_ahead_seconds")
    @classmethod
    def _never_live(cls, seconds: int, others: ValidationInfo) -> int:
        if seconds and others.data.get("live", True):
            raise ValueError("a clock that is ahead is for tests")
        return seconds

    @property
    def clock(self) -> Clock:
        """What the program goes by."""
        return ahead(self.test_clock_ahead_seconds)

    @property
    def test_clock(self) -> bool:
        """Whether its time is not the machine's."""
        return self.test_clock_ahead_seconds > 0

    def told_clock(self) -> dict[str, int]:
        """What readiness says of a clock that is not the machine's; nothing where it is."""
        return {"test_clock_ahead_seconds": self.test_clock_ahead_seconds} if self.test_clock else {}


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as source:
            raw = source.read(SETTINGS_BYTES_MAX + 1)
        if len(raw) > SETTINGS_BYTES_MAX:
            raise Rejected("FIELD_LENGTH")
        return tomllib.loads(raw.decode())
    except FileNotFoundError as error:
        raise Rejected("NOT_FOUND") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Rejected("FIELD_PATTERN") from error
