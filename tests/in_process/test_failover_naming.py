"""The name and size of the machine that a failover makes: set before it starts, once, or nothing is started."""

import pytest

from tests.support.api import Caller
from tests.support.sites import Json, Sites, of_item, start


@pytest.fixture
def provider(sites: Sites) -> Caller:
    """A caller of the provider's who may start failovers and read them."""
    return sites.caller()


def named(item: str, action: str = "PlannedFailover", **more: object) -> Json:
    """Return a request that names the machine."""
    return of_item(item, action, options={"targetVmName": "web-dr", "targetVmSize": "Standard_D8s_v3"}, **more)


def effects(sites: Sites, item: str) -> list[str]:
    """Return what took effect on an item, in order."""
    return [f"{effect['method']} {effect['path'].rsplit('/', 1)[-1]}" for effect in sites.stack.writes(item)]


def last(item: str) -> str:
    """Return an item's name."""
    return item.rsplit("/", 1)[-1]


def test_the_machine_is_made_under_the_name_and_size_asked_for(sites: Sites, provider: Caller) -> None:
    item = sites.item()
    network = sites.in_estate(item)["target"]["network"]
    ended = sites.ended(provider, start(provider, named(item, thenCommit=True)))
    assert (ended["status"], ended["error"]) == ("Succeeded", None)
    target = sites.in_estate(item)["target"]
    assert (target["vmName"], target["vmSize"], target["network"]) == ("web-dr", "Standard_D8s_v3", network)
    assert effects(sites, item) == [f"PATCH {last(item)}", "POST plannedFailover", "POST failoverCommit"]


def test_an_azure_machine_is_tested_in_the_size_asked_for(sites: Sites) -> None:
    contoso, item = sites.caller("contoso"), sites.a2a()
    ended = sites.ended(contoso, start(contoso, of_item(item, "TestFailover", options={"network": None, "targetVmSize": "Standard_B2s"})))
    assert (ended["status"], sites.in_estate(item)["target"]["vmSize"]) == ("Succeeded", "Standard_B2s")


def test_what_is_so_already_is_not_set_again(sites: Sites, provider: Caller) -> None:
    item = sites.item()
    body = of_item(item, "PlannedFailover", options={"targetVmName": last(item).upper()})
    assert sites.ended(provider, start(provider, body))["status"] == "Succeeded"
    assert effects(sites, item) == ["POST plannedFailover"]


@pytest.mark.parametrize("fault", ["lostResponse", "errorAfterEffect"])
def test_a_lost_answer_names_it_once(sites: Sites, provider: Caller, fault: str) -> None:
    item = sites.item()
    sites.stack.fault(fault, method="PATCH", path=f"/{last(item)}$")
    assert sites.ended(provider, start(provider, named(item)), step="PT1M")["status"] == "Succeeded"
    assert effects(sites, item) == [f"PATCH {last(item)}", "POST plannedFailover"]


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ({"fault": "error", "status": 400}, "AzureRefused", "Azure refused the name or size"),
        ({"fault": "failJob", "code": "28117", "message": "There is no such size here."}, "FailoverFailed", "There is no such size here."),
    ],
)
def test_nothing_is_started_where_it_cannot_be_set(sites: Sites, provider: Caller, fault: Json, code: str, words: str) -> None:
    item = sites.item()
    sites.stack.fault(**fault, method="PATCH", path=f"/{last(item)}$")
    ended = sites.ended(provider, start(provider, named(item, thenCommit=True)), step="PT1M")
    assert (ended["status"], ended["error"]["code"], [leg["status"] for leg in ended["legs"]]) == ("Failed", code, ["Failed", "Canceled"])
    assert words in ended["error"]["message"]
    assert sites.posts(item) == []


def test_it_can_be_canceled_while_the_name_is_being_set(sites: Sites, provider: Caller) -> None:
    item = sites.item()
    failover = start(provider, named(item))
    sites.stack.advance("PT1S")
    assert (effects(sites, item), provider.get(f"/failovers/{failover}").body["step"]) == ([f"PATCH {last(item)}"], "starting")
    assert provider.post(f"/failovers/{failover}/cancel").status == 202
    assert sites.ended(provider, failover)["status"] == "Canceled"
    assert sites.posts(item) == []
