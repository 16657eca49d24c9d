"""What can go wrong with a submission's code in the sandbox; each message is fit for its author."""

from __future__ import annotations

LONGEST = 300
"""Characters of a submission's own text that a message carries."""


def clean(text: str, longest: int = LONGEST) -> str:
    """Return foreign text as one printable line of at most `longest` characters.

    Control characters, those that reverse the reading direction, and other invisible ones become spaces, so that a
    message can neither forge lines of a log nor drive a terminal.
    """
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: 8 * longest]).split())
    return line if len(line) <= longest else line[: longest - 3] + "..."


class SandboxError(ValueError):
    """The sandbox has no answer of the submission; the subclass and the message say why."""


class RaisedError(SandboxError):
    """The submission's code raised an exception.

    Attributes:
        filename: the submission's file name.
        line: line of that file where it was raised, or from where it was called; None if it never came by there.
        type_name: name of the exception's class.
        detail: the exception's own text, one line.
    """

    def __init__(self, filename: str, line: int | None, type_name: str, detail: str, hint: str = "") -> None:
        self.filename = filename
        self.line = line
        self.type_name = clean(type_name, 60)
        self.detail = clean(detail)
        what = f"{self.type_name}: {self.detail}" if self.detail else self.type_name
        super().__init__(self._sentence(what, f"{filename}, line {line}" if line else filename) + hint)

    def _sentence(self, what: str, where: str) -> str:
        return f"raised {what} ({where})"


class LoadError(RaisedError):
    """The submission's file cannot be imported, or defines none of the functions that are asked for."""

    def _sentence(self, what: str, where: str) -> str:
        return f"{where} cannot be imported: {what}"


class EstimatorError(RaisedError):
    """A call of the submission's function raised; the worker can be asked again."""


class BadAnswer(SandboxError):
    """The function returned something else than a real tensor of the rewards' shape; the worker can be asked again."""


class TimeLimit(SandboxError):
    """A call, or the import, took longer than its wall-clock limit; the worker was killed."""


class CpuLimit(SandboxError):
    """The worker used up its processor time and was killed."""


class MemoryLimit(SandboxError):
    """The submission asked for more memory than it may have."""


class WorkerDied(SandboxError):
    """The worker process ended on its own: killed by a signal, or left by the submission."""


class ProtocolViolation(SandboxError):
    """The worker sent something that an honest one never sends; it was killed."""


class SandboxUnavailable(SandboxError):
    """This system cannot reach the level that is asked for; nothing was run."""
