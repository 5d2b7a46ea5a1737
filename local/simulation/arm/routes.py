"""Which operation a path names, and which api-versions it has."""

from collections.abc import Iterable, Mapping

from local.simulation.arm.call import Route
from local.simulation.arm.errors import ArmError
from local.simulation.arm.service import Service


class Routes:
    """Routes by method and template: the segments of a path are types and names by turns, with one type more after `providers`."""

    def __init__(self, services: Iterable[Service]) -> None:
        registered = tuple(services)
        self._namespaces = frozenset(service.namespace.lower() for service in registered)
        self._routes = {(route.method, route.template): route for service in registered for route in service.routes}
        self._methods: dict[str, list[str]] = {}
        for method, template in self._routes:
            self._methods.setdefault(template, []).append(method)

    def find(self, method: str, path: str) -> tuple[Route, tuple[str, ...]]:
        """Return the route of a path, without regard to case, and the names in it; raises `ArmError` 404 or 405."""
        parts = path.strip("/").split("/")
        segments: list[str] = []
        names: list[str] = []
        for index, part in enumerate(parts):
            if index % 2 and segments[-1] != "providers":
                names.append(part)
                segments.append("*")
            else:
                segments.append(part.lower())
        template = "/" + "/".join(segments)
        route = self._routes.get((method, template))
        if route is not None:
            return route, tuple(names)
        if template in self._methods:
            raise ArmError(
                405,
                "HttpMethodNotAllowed",
                f"The http method '{method}' is not supported for a resource collection or resource at this path: "
                f"{', '.join(self._methods[template])}.",
            )
        raise self._unknown(path, segments)

    def _unknown(self, path: str, segments: list[str]) -> ArmError:
        if "providers" in segments[:-1]:
            namespace = segments[segments.index("providers") + 1]
            if namespace not in self._namespaces:
                return ArmError(404, "InvalidResourceNamespace", f"The resource namespace '{namespace}' is invalid.")
            return ArmError(
                404,
                "InvalidResourceType",
                f"The resource type of '{path}' could not be found in the namespace '{namespace}' of the simulation.",
            )
        return ArmError(404, "NotFound", f"The path '{path}' is not one that the simulation answers.")

    @staticmethod
    def check_version(route: Route, query: Mapping[str, str]) -> None:
        """Refuse a request without an api-version, or with one that the type does not have, as ARM does."""
        version = query.get("api-version")
        if not version:
            raise ArmError(
                400, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required for all requests."
            )
        if version in route.versions:
            return
        known = ", ".join(route.versions)
        if route.resource_type.startswith("Microsoft.Resources/"):
            raise ArmError(
                400,
                "InvalidApiVersionParameter",
                f"The api-version '{version}' is invalid. The supported versions are '{known.replace(' ', '')}'.",
            )
        _, _, kind = route.resource_type.partition("/")
        raise ArmError(
            400,
            "NoRegisteredProviderFound",
            f"No registered resource provider found for location 'global' and API version '{version}' for type '{kind}'. "
            f"The supported api-versions are '{known}'.",
        )
