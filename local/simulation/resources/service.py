"""The routes of Microsoft.Resources, and its registration."""

from local.simulation.arm.call import Route
from local.simulation.arm.service import Service
from local.simulation.resources import responses
from local.simulation.resources.models import ResourcesState

_VERSIONS = (
    *("2016-06-01", "2018-05-01", "2019-05-10", "2019-06-01", "2019-10-01", "2019-11-01", "2020-01-01", "2020-06-01", "2020-10-01"),
    *(
        "2021-01-01",
        "2021-04-01",
        "2022-09-01",
        "2022-12-01",
        "2023-07-01",
        "2024-03-01",
        "2024-07-01",
        "2024-11-01",
        "2025-03-01",
        "2025-04-01",
    ),
)
_SUBSCRIPTIONS = "Microsoft.Resources/subscriptions"
_GROUPS = f"{_SUBSCRIPTIONS}/resourceGroups"

ROUTES = tuple(
    Route(method, template, operation, action, handle, kind, _VERSIONS)
    for method, template, operation, action, handle, kind in (
        ("GET", "/subscriptions", "Subscriptions_List", None, responses.list_subscriptions, _SUBSCRIPTIONS),
        ("GET", "/subscriptions/*", "Subscriptions_Get", f"{_SUBSCRIPTIONS}/read", responses.get_subscription, _SUBSCRIPTIONS),
        (
            "GET",
            "/subscriptions/*/locations",
            "Subscriptions_ListLocations",
            f"{_SUBSCRIPTIONS}/locations/read",
            responses.list_locations,
            _SUBSCRIPTIONS,
        ),
        ("GET", "/subscriptions/*/resourcegroups", "ResourceGroups_List", f"{_GROUPS}/read", responses.list_groups, _GROUPS),
        ("GET", "/subscriptions/*/resourcegroups/*", "ResourceGroups_Get", f"{_GROUPS}/read", responses.get_group, _GROUPS),
        ("PUT", "/subscriptions/*/resourcegroups/*", "ResourceGroups_CreateOrUpdate", f"{_GROUPS}/write", responses.put_group, _GROUPS),
        (
            "GET",
            "/subscriptions/*/resources",
            "Resources_List",
            f"{_SUBSCRIPTIONS}/resources/read",
            responses.list_resources,
            _SUBSCRIPTIONS,
        ),
        (
            "GET",
            "/subscriptions/*/resourcegroups/*/resources",
            "Resources_ListByResourceGroup",
            f"{_GROUPS}/resources/read",
            responses.list_resources,
            _GROUPS,
        ),
    )
)

SERVICE = Service("Microsoft.Resources", ROUTES, ResourcesState, lists=("subscriptions", "resourceGroups"))
