"""The mapping boundary: every error of the SDK and its transport has a place in the tree."""

from __future__ import annotations

import contextlib
import inspect
import json
import re
from datetime import UTC, datetime
from http import HTTPStatus
from types import ModuleType, SimpleNamespace

import pytest
from aiohttp import client_exceptions, http_exceptions
from google.genai import errors as sdk
from pydantic import TypeAdapter, ValidationError

from captiond.captioners.gemini_errors import foreign_errors, map_error, midnight_pacific
from captiond.errors import (
    CaptiondError,
    CaptionerBusy,
    CaptionerError,
    CaptionerStopped,
    CaptionerUnreachable,
    ImageRejected,
)
from captiond.secrecy import keep_secret
from captiond.testing import gemini_faults as faults
from captiond.testing.gemini_faults import Fault

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC).timestamp()


def mapped(fault: Fault) -> CaptiondError:
    try:
        details = json.loads(fault.body)
    except ValueError:
        details = {"message": fault.body.decode(), "status": HTTPStatus(fault.status).phrase}
    kind = sdk.ServerError if fault.status >= 500 else sdk.ClientError
    return map_error(kind(fault.status, details), now=NOW)


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
        error = map_error(built(kind), now=NOW)
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
        assert type(map_error(error, now=NOW)) is CaptionerUnreachable


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
    """The delay of RetryInfo is kept to; one that makes no sense is none."""
    error = mapped(faults.quota_per_minute(delay))
    assert isinstance(error, CaptionerBusy)
    assert error.retry_after == seconds


def test_a_quota_per_day_waits_for_midnight_pacific_whatever_its_delay():
    """A day's quota is back at midnight in California, not after the 59 s it speaks of."""
    error = mapped(faults.quota_per_day("59s"))
    assert isinstance(error, CaptionerBusy)
    assert error.retry_after == 20 * 3600  # noon UTC is 4 in the morning there
    assert "daily quota used up" in str(error)


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        ("2026-07-01T06:59:59+00:00", "2026-07-01T07:00:00+00:00"),
        ("2026-07-01T07:00:00+00:00", "2026-07-02T07:00:00+00:00"),
        ("2026-11-01T12:00:00+00:00", "2026-11-02T08:00:00+00:00"),
        ("2026-11-01T07:00:00+00:00", "2026-11-02T08:00:00+00:00"),
        ("2026-03-08T08:00:00+00:00", "2026-03-09T07:00:00+00:00"),
    ],
)
def test_midnight_pacific_minds_daylight_saving(now, ends):
    """The day of the quota has 23, 24 or 25 hours."""
    at = midnight_pacific(datetime.fromisoformat(now).timestamp())
    assert datetime.fromtimestamp(at, UTC) == datetime.fromisoformat(ends)


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
    """No delay is named: the gate decides on one."""
    error = mapped(fault)
    assert isinstance(error, CaptionerBusy)
    assert error.retry_after is None


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
    sentence = str(map_error(error, now=NOW))
    assert "AQ.secret" not in sentence
    assert "[secret]' has been suspended" in sentence


def test_a_message_without_end_is_cut():
    """A sentence stays a sentence, on one line."""
    sentence = str(mapped(faults.invalid("Provided image is not valid.\n" + "x" * 10_000)))
    assert len(sentence) < 400
    assert "\n" not in sentence
