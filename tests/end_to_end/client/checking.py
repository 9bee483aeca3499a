"""Counting checks, and taking a refusal apart as the google.rpc error model has it."""

import contextlib

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

DOMAIN = "symbolon"


class Checks:
    """Prints a line for every check and counts them."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def that(self, claim, holds, found=None):
        """Holds a claim against what was found."""
        if holds:
            self.passed += 1
            print(f"ok: {claim}")
        else:
            self.failed += 1
            print(f"FAILED: {claim}" + ("" if found is None else f" (found: {found})"))

    def equal(self, claim, found, expected):
        self.that(claim, found == expected, f"{found!r} instead of {expected!r}")

    def refused(self, claim, call, code, reason, field=None, retry=False):
        """Expects `call` to be refused with this status code, reason, field and wish to be asked again."""
        try:
            answer = call()
        except grpc.RpcError as error:
            found = Refusal(error)
            problems = found.differences(code, reason, field, retry)
            self.that(f"{claim}: {code.name} {reason}", not problems, "; ".join(problems))
            return found
        self.that(f"{claim}: {code.name} {reason}", False, f"it was answered: {str(answer)[:200]}")
        return None

    @contextlib.contextmanager
    def section(self, title):
        """A group of checks; an accident in it counts as a failure and does not hide the other groups."""
        print(f"== {title}")
        try:
            yield
        except Exception as accident:  # pylint: disable=broad-except
            shown = accident
            if isinstance(accident, grpc.RpcError) and hasattr(accident, "details"):
                shown = f"{accident.code().name}: {accident.details()}"
            self.that(f"{title} runs to its end", False, f"{type(accident).__name__}: {shown}")

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 0 if self.failed == 0 and self.passed > 0 else 1


class Refusal:
    """A status with its google.rpc details decoded."""

    def __init__(self, error):
        self.code = error.code()
        self.message = error.details()
        self.info = None
        self.fields = []
        self.retry_seconds = None
        status = rpc_status.from_call(error)
        for detail in status.details if status is not None else ():
            self._decode(detail)

    def _decode(self, detail):
        info, request, retry = (
            error_details_pb2.ErrorInfo(),
            error_details_pb2.BadRequest(),
            error_details_pb2.RetryInfo(),
        )
        if detail.Unpack(info):
            self.info = info
        elif detail.Unpack(request):
            self.fields = [(violation.field, violation.description) for violation in request.field_violations]
        elif detail.Unpack(retry):
            self.retry_seconds = retry.retry_delay.ToTimedelta().total_seconds()

    def differences(self, code, reason, field, retry):
        """What is not as expected, in words."""
        problems = []
        if self.code != code:
            problems.append(f"code {self.code.name}: {self.message}")
        if self.info is None:
            problems.append("no ErrorInfo")
        else:
            if self.info.reason != reason:
                problems.append(f"reason {self.info.reason}: {self.message}")
            if self.info.domain != DOMAIN:
                problems.append(f"domain {self.info.domain}")
        named = [name for name, description in self.fields if description]
        if named != ([] if field is None else [field]):
            problems.append(f"fields {self.fields}")
        if retry != (self.retry_seconds is not None and self.retry_seconds > 0):
            problems.append(f"retry after {self.retry_seconds}")
        if not self.message:
            problems.append("no message")
        return problems
