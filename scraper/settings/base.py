"""What the configuration's models share: a section with strict keys, a user with a password, and the kinds of values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo, model_validator

from scraper.settings import checks

#: Where a value comes from: ``default``, ``file``, ``environment``, ``flag``, or the path of an included file.
Origin = str


def empty_if_null(value: Any) -> Any:
    """A section whose keys are all commented out is null in YAML: it means the defaults."""
    return {} if value is None else value


def lower(value: Any) -> Any:
    """A word in lower case."""
    return value.lower() if isinstance(value, str) else value


def one_is_a_list(value: Any) -> Any:
    """One value may stand without its list."""
    return [value] if isinstance(value, str) else value


def nothing_is_empty(value: Any) -> Any:
    """Null is the empty list."""
    return [] if value is None else value


Texts = Annotated[list[str], BeforeValidator(one_is_a_list), BeforeValidator(nothing_is_empty)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
FilePath = Annotated[Path, AfterValidator(checks.from_base)]


class Section(BaseModel):
    """A mapping whose keys are all known. What has a key ``NAME_file`` beside its own may stand in that file; several stand one a line."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, raw: Any, info: ValidationInfo) -> Any:
        for name, field in cls.model_fields.items():
            if f"{name}_file" in cls.model_fields:
                found = checks.secret_from_file(raw, name, info)
                several = found is not raw and get_origin(field.annotation) is list
                raw = {**found, name: found[name].split()} if several else found
        return raw


class User(Section):
    """A name with a password, which may stand in a file of its own."""

    username: Annotated[str, AfterValidator(checks.not_empty)] = Field(description="The user's name.")
    password: Annotated[SecretStr, AfterValidator(checks.not_empty_secret)] | None = Field(
        default=None, description="Its password. For the web UI it may be left out: a person signs in with `ucm-scraper login`."
    )
    password_file: FilePath | None = Field(default=None, description="A file that holds the password, instead.")

    @property
    def secret(self) -> str | None:
        """The password in plain text."""
        return self.password.get_secret_value() if self.password else None
