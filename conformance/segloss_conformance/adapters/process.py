"""Implementations in other languages: a process that reads requests and writes answers, a line of JSON each.

``docs/protocol.md`` is the specification. Arrays travel as dtype, shape and the bits of their elements in hexadecimal digits,
so that no decimal conversion stands between the suite and the implementation.
"""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ..cases.bits import decoded, encoded
from .binding import Binding
from .bound_case import BoundCase
from .call import Called, CallProblem, Unsupported
from .expression import ConfigurationError, Expression

__all__ = ["VERSION", "ProcessCaller"]

VERSION = 1


class ProcessCaller:
    """One process, started once and asked many times; started anew after it hung or ended."""

    def __init__(self, binding: Binding) -> None:
        self.binding = binding
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._listener: threading.Thread | None = None
        self._number = 0
        self._start()

    def _start(self) -> None:
        try:
            self._process = subprocess.Popen(
                self.binding.call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                text=True, encoding="utf-8", errors="replace",
            )  # fmt: skip
        except OSError as problem:
            raise ConfigurationError(f"cannot start {self.binding.label}: {problem.strerror or problem}") from None
        self._lines = queue.Queue()
        self._listener = threading.Thread(target=self._listen, args=(self._process, self._lines), daemon=True)
        self._listener.start()
        try:
            hello = self._ask({"cmd": "start", "version": VERSION})
        except CallProblem:
            self.close()
            raise
        if hello.get("version") != VERSION:
            self.close()
            raise CallProblem(f"answers start with version {hello.get('version')!r}, expected {VERSION}")

    @staticmethod
    def _listen(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
        assert process.stdout is not None
        with process.stdout as answers:
            for line in answers:
                lines.put(line)
        lines.put(None)

    def close(self) -> None:
        """Say stop, and end the process if it does not."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with suppress(OSError, ValueError):
            process.stdin.write('{"cmd":"stop"}\n')
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._listener is not None:
            self._listener.join(1)

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request, separators=(",", ":")) + "\n")
            self._process.stdin.flush()
            line = self._lines.get(timeout=self.binding.timeout)
        except queue.Empty:
            self._process.kill()
            self.close()
            raise CallProblem(f"does not answer {request['cmd']} within {self.binding.timeout:g} s") from None
        except OSError:
            line = None
        if line is None:
            code = self._process.wait()
            self.close()
            raise CallProblem(f"ends with exit code {code} at {request['cmd']}")
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise CallProblem(f"prints {line.strip()[:60]!r} where a line of JSON is expected")
        if answer.get("seq") != request.get("seq"):
            raise CallProblem(f"answers request {answer.get('seq')!r} where {request.get('seq')!r} was asked")
        if "error" in answer:
            raise CallProblem(f"reports the error {str(answer['error'])[:200]!r}")
        if "unsupported" in answer:
            raise Unsupported(str(answer["unsupported"])[:200])
        return answer

    def __call__(
        self, case: BoundCase, dtype: str, *, gradient: bool = False, style: str = "plain", cotangent: Any = None
    ) -> Called:
        """See `Caller`; arrays of another process have one style, and its gradients are asked at 1."""
        if self._process is None:
            self._start()
        binding = self.binding
        arrays = {"pred": encoded(case.passed, dtype if binding.takes != "label" else "int64")}
        kind = binding.target_dtype or ("int64" if case.target.dtype.kind in "iu" else dtype)
        arrays["target"] = encoded(case.target, kind)
        if "weight" in case.keywords:
            arrays["weight"] = encoded(case.keywords["weight"], dtype if "float" in dtype else "float64")
        values = {**case.given, "pred": None, "target": None, "weight": None}
        parameters = {
            name: Expression(value).value(values)
            for name, value in {**binding.keywords, **(binding.construct or {})}.items()
            if Expression(value).names.isdisjoint(("pred", "target", "weight"))
        }
        request = {"spec": binding.spec, "parameters": parameters, "arrays": arrays}
        value, kind = self._array("value", {"cmd": "run", "seq": self._next(), **request})
        slope = None
        if gradient and binding.grad != "none":
            with suppress(Unsupported):  # a harness without gradients still returns values
                slope, _ = self._array("gradient", {"cmd": "grad", "seq": self._next(), **request})
        return Called(value, {} if slope is None else {"its own": slope}, kind)

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _array(self, name: str, request: Mapping[str, Any]) -> tuple[Any, str]:
        answer = self._ask(request)
        try:
            return decoded(answer[name]), answer[name]["dtype"]
        except KeyError:
            raise CallProblem(f"answers {request['cmd']} without {name!r}") from None
        except ValueError as problem:
            raise CallProblem(f"answers {request['cmd']} with a bad array: {problem}") from None
