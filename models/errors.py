"""What can go wrong with models, as one tree.

ModelsError
 +-- RegistryError            the registry answered in a way nobody can use
 |    +-- NotFound            no such model, version, alias or file
 |    +-- Conflict            somebody else was there first, or the release has other files
 |    +-- Forbidden           credentials are missing or too weak
 |    +-- Unavailable         no usable answer in time; the same call may work later
 |    +-- Invalid             the request itself is wrong (a name, a release, an empty folder)
 |    +-- Damaged             files differ from their manifest, or have none
 +-- BadLabels                a label that cannot be taken in
 +-- ModelFailure             the model's own code cannot be loaded, warmed up or asked
"""

from rollout.credentials import redacted


class ModelsError(Exception):
    """Root of all errors of this room; `str()` is a sentence for people, without a password."""

    def __init__(self, message: str) -> None:
        super().__init__(redacted(message))


class RegistryError(ModelsError):
    """The registry answered in a way nobody can use."""


class NotFound(RegistryError):
    """No such model, version, alias or file."""


class Conflict(RegistryError):
    """Somebody else was there first, or the release exists with other files."""


class Forbidden(RegistryError):
    """Credentials are missing or too weak."""


class Unavailable(RegistryError):
    """No usable answer in time; the same call may work later."""


class Invalid(RegistryError):
    """The request itself is wrong; asking again changes nothing."""


class Damaged(RegistryError):
    """Files differ from their manifest, or have none."""


class BadLabels(ModelsError):
    """A label that cannot be taken in; nothing of its batch was kept."""


class ModelFailure(ModelsError):
    """The model's own code cannot be loaded, warmed up or asked."""
