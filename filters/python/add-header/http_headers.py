"""add-header as a component: sets, adds and removes headers of requests and responses. README.md has the keys.

componentize-py looks for the classes of an interface in the module of its name.
"""

from componentize_py_types import Err
from rules import Rules, Wrong
from wit_world.exports import http_headers
from wit_world.imports.types import Action, MapType


class PluginContext(http_headers.PluginContext):
    def __init__(self) -> None:
        self.rules = Rules()

    def on_vm_start(self, configuration: bytes) -> None:
        pass

    def on_configure(self, configuration: bytes) -> None:
        try:
            self.rules = Rules.parse(configuration)
        except Wrong as reason:
            raise Err(f"wrong configuration: {reason}") from reason

    def create_http_context(self, id: int) -> http_headers.HttpContext:
        return HttpContext(self.rules)

    def on_done(self) -> bool:
        return True

    def on_log(self) -> None:
        pass


class HttpContext(http_headers.HttpContext):
    def __init__(self, rules: Rules) -> None:
        self.rules = rules

    def on_request_headers(self, count: int, end_of_stream: bool) -> Action:
        self.rules.request.apply(MapType.REQUEST_HEADERS)
        return Action.CONTINUE

    def on_response_headers(self, count: int, end_of_stream: bool) -> Action:
        self.rules.response.apply(MapType.RESPONSE_HEADERS)
        return Action.CONTINUE

    def on_done(self) -> bool:
        return True

    def on_log(self) -> None:
        pass
