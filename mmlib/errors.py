"""Errors that are a user's to mend: one message that says what is wrong, where, and what to do.

The command line prints the message without a traceback and exits with the class's `exit_code`:

====  =========================================================
code  meaning
====  =========================================================
0     done (or nothing to do)
1     a cell failed, or an unexpected error
2     wrong usage: unknown name, wrong type, bad file
3     data, licence or device missing; the work is blocked
4     another run holds these outputs
5     the scheduler cannot be reached
6     the outputs cannot be written (permission, disk full)
130   interrupted; what was finished is kept, run again to resume
====  =========================================================
"""


class MMLibError(Exception):
    """Base of all errors shown to a user without a traceback."""

    exit_code = 1


class UsageError(MMLibError):
    """An unknown name, a wrong type, a malformed file."""

    exit_code = 2


class ParameterError(UsageError):
    """A parameter that does not exist, or whose value has the wrong type or range."""


class BlockedError(MMLibError):
    """Something outside the workbook is missing: data, a licence, a GPU."""

    exit_code = 3


class DataError(BlockedError):
    """Data that is missing, incomplete or damaged."""


class OutputsInUseError(MMLibError):
    """Another run holds the lock on these outputs."""

    exit_code = 4


class SchedulerError(MMLibError):
    """The Dask scheduler cannot be reached or was lost."""

    exit_code = 5


class OutputsError(MMLibError):
    """The output folder cannot be written."""

    exit_code = 6


class NonFiniteLossError(MMLibError):
    """Training stopped because the loss was not finite."""
