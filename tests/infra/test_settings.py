"""The settings are the same everywhere: in the code, in the template, and in the sample for one machine."""

import json
from functools import lru_cache

from shared.settings import Settings
from tests.infra.bicep import ROOT, main, of_type, resources, tool

#: For one machine or for tests; nothing of it has a meaning in Azure.
NOT_IN_AZURE = {"AzureWebJobsStorage", "FARSHORE_CLOCK_URL", "FARSHORE_CRASH_POINT", "FARSHORE_TELEMETRY"}
#: In place of AzureWebJobsStorage's connection string, and of the simulated identity.
ONLY_IN_AZURE = {
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "AZURE_CLIENT_ID",
    "AzureWebJobsStorage__blobServiceUri",
    "AzureWebJobsStorage__queueServiceUri",
    "AzureWebJobsStorage__tableServiceUri",
}
ONLY_IN_TESTS = {"FARSHORE_CRASH_POINT"}
#: What the platform, its host or the telemetry library reads, not the app's code.
OF_THE_PLATFORM = {
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsStorage__credential",
    "OTEL_SERVICE_NAME",
}
OF_THE_LOCAL_HOST = {"FUNCTIONS_WORKER_RUNTIME", "IDENTITY_ENDPOINT", "IDENTITY_HEADER"}


def test_the_template_sets_each_setting_that_has_a_meaning_in_azure() -> None:
    assert _in_template() - OF_THE_PLATFORM == _in_code() - NOT_IN_AZURE


def test_the_sample_sets_each_setting_that_has_a_meaning_on_one_machine() -> None:
    sample = json.loads((ROOT / "local.settings.sample.json").read_text(encoding="utf-8"))["Values"]
    assert sample.keys() - OF_THE_LOCAL_HOST == _in_code() - ONLY_IN_AZURE - ONLY_IN_TESTS


def test_each_setting_is_described_and_is_in_the_documentation() -> None:
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    for field in Settings.model_fields.values():
        assert field.description, field.validation_alias
        assert f"`{field.validation_alias}`" in text
    for name in OF_THE_PLATFORM:
        assert f"`{name}`" in text


def _in_code() -> set[str]:
    return {str(field.validation_alias) for field in Settings.model_fields.values()}


@lru_cache(maxsize=1)
def _in_template() -> set[str]:
    tool()
    configs = of_type(list(resources(main())), "Microsoft.Web/sites/config")
    (settings,) = [item.properties for item in configs if item.body["name"] == "appsettings"]
    return set(settings)
