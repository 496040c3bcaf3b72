"""The mapping boundary: every error of the SDK and its transport has a place in the tree."""

from __future__ import annotations

import contextlib
import inspect
import json
import re
from http import HTTPStatus
from types import ModuleType, SimpleNamespace

import pytest
from aiohttp import client_exceptions, http_exceptions
from google.genai import errors as sdk
from pydantic import TypeAdapter, ValidationError

from captiond.captioners.gemini_errors import foreign_errors, map_error
from captiond.errors import (
    Busy,
    CaptiondError,
    CaptionerBusy,
    CaptionerError,
    CaptionerStopped,
    CaptionerUnreachable,
    ImageRejected,
    Violation,
)
from captiond.secrecy import keep_secret
from captiond.testing import gemini_faults as faults
from captiond.testing.gemini_faults import Fault
from captiond.testing.gemini_quota import Violation as Limit
from captiond.testing.gemini_quota import quota_failure


def mapped(fault: Fault) -> CaptiondError:
    try:
        details = json.loads(fault.body)
    except ValueError:
        details = {"message": fault.body.decode(), "status": HTTPStatus(fault.status).phrase}
    kind = sdk.ServerError if fault.status >= 500 else sdk.ClientError
    return map_error(kind(fault.status, details))


def exceptions_of(module: ModuleType) -> list[type[Exception]]:
    found = inspect.getmembers(module, inspect.isclass)
    return [kind for _, kind in found if issubclass(kind, Exception)]


@pytest.mark.parametrize("module", [sdk, client_exceptions, http_exceptions])
def test_no_error_class_is_unmapped(module):
    """Each class of the SDK and of its transports is caught, and becomes a captioner's error."""
    kinds = [kind for kind in exceptions_of(module) if not issubclass(kind, Warning)]
    assert len(kinds) > 5
    for kind in kinds:
        assert issubclass(kind, foreign_errors()), kind
        error = map_error(built(kind))
        assert isinstance(error, CaptionerError | ImageRejected), kind


def built(kind: type[Exception]) -> Exception:
    """Construct an error with the first arguments that it takes and can tell."""
    where = SimpleNamespace(host="h", port=1, ssl=True, is_ssl=True, real_url="http://h")
    refused = OSError(111, "refused")
    for args in (
        (500, {"error": {"message": "x"}}),
        (b"a", b"b", "h", 1),
        ("/socket", where, refused),
        (where, refused),
        (where, ()),
        ("x", "y"),
        ("x",),
        (),
    ):
        with contextlib.suppress(TypeError, AttributeError):
            error = kind(*args)
            assert str(error) is not None
            return error
    raise AssertionError(kind)


def test_errors_of_the_standard_library_are_out_of_reach():
    """Time, broken JSON and a broken connection are nobody's fault here: later."""
    with pytest.raises(json.JSONDecodeError) as broken:
        json.loads("<html>")
    with pytest.raises(ValidationError) as invalid:
        TypeAdapter(int).validate_python("x")
    for error in (TimeoutError(), broken.value, invalid.value, ConnectionResetError(104, "reset")):
        assert isinstance(error, foreign_errors())
        assert isinstance(map_error(error), CaptionerUnreachable)


def test_what_may_be_billed_is_told_from_what_is_not():
    """Silence after a question may cost something; who was never reached, or answered, bills no."""
    where = SimpleNamespace(host="h", port=1, ssl=True, is_ssl=True, real_url="http://h")
    refused = client_exceptions.ClientConnectorError(where, OSError(111, "refused"))
    for silence in (
        TimeoutError(),
        ConnectionResetError(104, "reset"),
        client_exceptions.ClientPayloadError(),
    ):
        assert map_error(silence).maybe_billed, silence
    for free in (refused, json.JSONDecodeError("x", "<html>", 0)):
        assert not map_error(free).maybe_billed, free
    for answer in (faults.bad_key(), faults.html(404), faults.html(502)):
        assert not mapped(answer).maybe_billed, answer


@pytest.mark.parametrize(
    "message",
    [
        "Unable to process input image. Please retry or report in ...",
        "Provided image is not valid.",
        "Unsupported MIME type: image/jpg",
        "Request contains an invalid argument.",
    ],
)
def test_a_bad_file_is_the_photos_fault(message):
    """What is wrong with one file stops that file only."""
    assert type(mapped(faults.invalid(message))) is ImageRejected


@pytest.mark.parametrize(
    ("fault", "hint"),
    [
        (faults.bad_key(), "key"),
        (faults.no_key(), "key"),
        (faults.refusal(401, "UNAUTHENTICATED", "Request had invalid credentials."), "key"),
        (faults.bad_location(), "from here"),
        (faults.no_model("gemini-9", "v1beta"), r"gemini\.model"),
        (faults.html(404), r"gemini\.base_url"),
        (
            faults.invalid("Thinking level MINIMAL is not supported for this model."),
            r"gemini\.thinking",
        ),
        (
            faults.invalid("Budget 0 is invalid. This model only works in thinking mode."),
            "thinking",
        ),
        (
            faults.invalid("Manually set deadline 8s is too short. Minimum allowed is 10s."),
            r"gemini\.timeout_seconds",
        ),
        (faults.invalid("Media resolution is not enabled for this model"), "media_resolution"),
        (faults.invalid('Unknown name "responseJsonSchema": Cannot find field.'), "api_version"),
        (faults.invalid("JSON mode is not enabled for models/gemma-3"), r"gemini\.model"),
        (faults.prepayment_depleted(), "money"),
        (
            faults.refusal(429, "RESOURCE_EXHAUSTED", "exceeded its monthly spending cap."),
            "money",
        ),
        (faults.quota_zero(), "no quota for this model"),
        (
            faults.refusal(429, "RESOURCE_EXHAUSTED", "Quota exceeded ... limit: 0, model: x"),
            "no quota for this model",
        ),
    ],
)
def test_a_wrong_setting_stops_asking_and_says_which(fault, hint):
    """Key, model, location and settings: nothing is asked until an operator acts."""
    error = mapped(fault)
    assert type(error) is CaptionerStopped
    assert re.search(hint, str(error))


@pytest.mark.parametrize(
    ("delay", "seconds"), [("36s", 36.0), ("45.837906927s", 45.837906927), ("soon", None)]
)
def test_a_quota_per_minute_waits_as_told(delay, seconds):
    """The delay of RetryInfo is kept to, and the limit learned; one without sense is none."""
    error = mapped(faults.quota_per_minute(delay))
    assert isinstance(error, CaptionerBusy)
    assert (error.kind, error.retry_after) == (Busy.RATE, seconds)
    quota = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
    assert error.violations == (Violation("requests_per_minute", 15, quota),)


def test_a_quota_per_day_is_looked_for_first_whatever_its_delay():
    """A day's quota is not back after the 59 s it names, nor when a minute's is told beside it."""
    day = refuse([requests("PerDay", 20), tokens("PerMinute", 250_000)])
    for fault in (faults.quota_per_day("59s"), day):
        error = mapped(fault)
        assert isinstance(error, CaptionerBusy)
        assert (error.kind, error.retry_after) == (Busy.DAY, None)
        assert error.violations[0].limit == "requests_per_day"
        assert error.violations[0].value == 20
        assert str(error) == "daily quota used up"


@pytest.mark.parametrize(
    ("quota_id", "limit"),
    [
        ("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "requests_per_minute"),
        ("GenerateRequestsPerMinutePerProjectPerModel", "requests_per_minute"),
        ("GenerateContentInputTokensPerModelPerMinute-FreeTier", "tokens_per_minute"),
        ("GenerateContentPaidTierInputTokensPerModelPerMinute", "tokens_per_minute"),
        ("GenerateContentInputTokensPerModelPerHour", None),
    ],
)
def test_the_names_of_limits_are_understood(quota_id, limit):
    """Each quotaId becomes a key of [limits] with its value; an unknown one teaches nothing."""
    error = mapped(refuse([Limit("metric", quota_id, 4_000_000)]))
    assert isinstance(error, CaptionerBusy)
    assert error.kind is Busy.RATE
    told = [(violation.limit, violation.value) for violation in error.violations]
    assert told == ([(limit, 4_000_000)] if limit else [])


def requests(per: str, value: int) -> Limit:
    return Limit("requests", f"GenerateRequests{per}PerProjectPerModel", value)


def tokens(per: str, value: int) -> Limit:
    return Limit("tokens", f"GenerateContentInputTokensPerModel{per}", value)


def refuse(limits: list[Limit]) -> Fault:
    return quota_failure(limits, retry_after="59s")


@pytest.mark.parametrize(
    "fault",
    [
        faults.quota_bare(),
        faults.overloaded(),
        faults.internal_error(),
        faults.deadline_exceeded(),
        faults.html(502),
        faults.html(429),
    ],
)
def test_a_service_in_trouble_is_asked_later(fault):
    """No delay is named: the gate decides on one; a 429 that tells nothing is known as such."""
    error = mapped(fault)
    assert isinstance(error, CaptionerBusy)
    assert error.retry_after is None
    assert error.kind is (
        Busy.BARE if fault.status == HTTPStatus.TOO_MANY_REQUESTS else Busy.OVERLOAD
    )


@pytest.mark.parametrize("status", [403, 400, 407, 418])
def test_a_page_from_somebody_else_is_no_verdict(status):
    """A proxy's HTML says nothing of the key or of the photo."""
    error = mapped(faults.html(status))
    assert type(error) is CaptionerUnreachable
    assert "Please log in" not in str(error)


def test_a_key_that_the_api_repeats_is_masked():
    """The real API echoes a suspended key; the sentence does not."""
    fault = faults.suspended_key("AQ.secret")
    error = sdk.ClientError(403, json.loads(fault.body))
    keep_secret("AQ.secret")
    sentence = str(map_error(error))
    assert "AQ.secret" not in sentence
    assert "[secret]' has been suspended" in sentence


def test_a_message_without_end_is_cut():
    """A sentence stays a sentence, on one line."""
    sentence = str(mapped(faults.invalid("Provided image is not valid.\n" + "x" * 10_000)))
    assert len(sentence) < 400
    assert "\n" not in sentence
