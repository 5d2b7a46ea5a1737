"""Readers of what items, plans and jobs of Site Recovery have in common: states and errors."""

from shared.failovers.vault.answers import ErrorView
from shared.failovers.vault.names import JobState
from shared.values.reading import Json, an_object, code, objects, text


def health_error(error: Json) -> ErrorView:
    """Read one of an item's `healthErrors`."""
    return ErrorView(
        code=code(error, "errorCode") or "Unknown",
        message=text(error, "errorMessage", "summaryMessage", "recoveryProviderErrorMessage") or "Azure gives no words",
        possible_causes=text(error, "possibleCauses"),
        recommended_action=text(error, "recommendedAction"),
        source="provider" if text(error, "recoveryProviderErrorMessage") and not text(error, "errorMessage") else "service",
    )


def job_errors(holder: Json) -> tuple[ErrorView, ...]:
    """Read the `errors` of a job or a task: each may carry the service's error, the provider's, or both."""
    return tuple(view for error in objects(holder, "errors") for view in _both(error))


def _both(error: Json) -> list[ErrorView]:
    service, provider = an_object(error, "serviceErrorDetails"), an_object(error, "providerErrorDetails")
    found = []
    if service:
        found.append(
            ErrorView(
                code=code(service, "code") or "Unknown",
                message=text(service, "message") or "Azure gives no words",
                possible_causes=text(service, "possibleCauses"),
                recommended_action=text(service, "recommendedAction"),
                source="service",
            )
        )
    if provider:
        found.append(
            ErrorView(
                code=code(provider, "errorCode", "errorId") or "Unknown",
                message=text(provider, "errorMessage") or "the provider gives no words",
                possible_causes=text(provider, "possibleCauses"),
                recommended_action=text(provider, "recommendedAction"),
                source="provider",
            )
        )
    return found


def job_state(found: str | None) -> JobState:
    """Return the state of a job, a task or a plan's scenario; Other for an unknown one. Azure writes both Cancelled and Canceled."""
    squeezed = "".join((found or "").split()).lower()
    if squeezed == "canceled":
        return JobState.CANCELLED
    return next((state for state in JobState if state.lower() == squeezed), JobState.OTHER)
