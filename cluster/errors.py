"""What can go wrong on the platform: one tree, each error with its remedy.

ClusterError
├── NotFound         what was named does not exist
├── Refused          asked for what the rules forbid; nothing was changed
├── Invalid          the platform finds a field of what it was given wrong
├── Unknown          the platform does not know who asks: no credentials, or expired ones
├── Forbidden        the platform knows who asks, and a right is missing
├── Conflict         somebody else acts on the same thing
│   ├── LockHeld     another process holds the lock
│   ├── LostLock     the lock was taken from the caller
│   ├── Superseded   a later change replaced the caller's before it was seen live
│   ├── Changed      an object changed between being read and being written
│   └── Owned        another program or person manages a field
├── Unavailable      no answer in time; worth another try
│   ├── PortTaken    a foreign process listens on a port of the site
│   └── Overloaded   the platform asks to be left alone for a while
├── NotReady         instances were started and cannot serve
├── TrafficNotMoved  a change of traffic was written but not seen live
├── Rejected         the proxy refused a configuration; the last good one is back
├── NotWritable      disk full, read-only, or no permission
└── StateDamaged     a state file cannot be understood
    └── ChainBroken  a row of the ledger was changed or lost
"""

from rollout.credentials import redacted


class ClusterError(Exception):
    """Base of all platform errors: `str()` says what is so, `hint` what to do next.

    Neither repeats a password that the platform or a program said.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(redacted(message))
        self.hint = redacted(hint)


class NotFound(ClusterError):
    """What was named does not exist."""


class Refused(ClusterError):
    """The request contradicts the platform's rules; nothing was changed."""


class Invalid(ClusterError):
    """The platform finds a field of what it was given wrong; nothing was changed."""


class Unknown(ClusterError):
    """The platform does not know who asks."""


class Forbidden(ClusterError):
    """A right is missing: the message names the rule that would give it."""


class Conflict(ClusterError):
    """Somebody else acts on the same component and region."""


class LockHeld(Conflict):
    """Another process holds the lock of this component and region."""


class LostLock(Conflict):
    """The caller's lease is no longer the newest; it may write nothing more."""


class Superseded(Conflict):
    """A later change was written before this one was seen live."""


class Changed(Conflict):
    """An object changed between being read and being written; read it again."""


class Owned(Conflict):
    """A field to be written is managed by somebody else, whom the message names."""


class Unavailable(ClusterError):
    """A part of the platform does not answer in time."""


class PortTaken(Unavailable):
    """A port of the site is in use by a process that is not the site's."""


class Overloaded(Unavailable):
    """The platform refuses for now; `seconds` is how long it asks to wait."""

    def __init__(self, message: str, *, seconds: float, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.seconds = seconds


class NotReady(ClusterError):
    """Instances were started and cannot serve; the message says what became of them.

    `lasting` where waiting longer would not cure them, and they themselves are to blame.
    """

    def __init__(self, message: str, *, hint: str = "", lasting: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.lasting = lasting


class TrafficNotMoved(ClusterError):
    """A change of traffic was asked for and could not be seen live."""


class Rejected(ClusterError):
    """The proxy refused a configuration; the last good one was put back."""


class NotWritable(ClusterError):
    """A file of the site cannot be written: disk full, read-only, no permission."""


class StateDamaged(ClusterError):
    """A state file exists but cannot be understood."""


class ChainBroken(StateDamaged):
    """A row of the ledger was changed, reordered or lost after it was written."""
