"""Order a virtual data center on Azure Pack by a queue message, and read its welcome event: what a billing system does.

    python order_data_center.py create  10042 --account ACCOUNT --tenant northwind --plan Gold --user ada@example.com --cpus 8
    python order_data_center.py change  10042 --account ACCOUNT --tenant northwind --cpus 12
    python order_data_center.py suspend 10042 --account ACCOUNT --tenant northwind --reason unpaid
    python order_data_center.py resume  10042 --account ACCOUNT --tenant northwind
    python order_data_center.py delete  10042 --account ACCOUNT --tenant northwind
    python order_data_center.py welcome 10042 --account ACCOUNT --tenant northwind

Needs `azure-storage-queue` and `azure-identity`, and the roles Storage Queue Data Message Sender on `tenant-requests` and, for `welcome`,
Storage Queue Data Message Processor on `outcomes`. The message's `id` is its key: sent twice, it is carried out once.
"""

import argparse
import json
import sys
import time
from typing import Any

from azure.identity import DefaultAzureCredential
from azure.storage.queue import QueueClient

REQUESTS, OUTCOMES = "tenant-requests", "outcomes"


def message(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the message of an action."""
    number, action = arguments.number, arguments.action
    head = {"id": arguments.id or f"{action}-{number}", "tenant": arguments.tenant, "operation": f"dataCenter.{action}"}
    given = {"cpuCount": arguments.cpus, "memoryMB": arguments.memory, "storageGB": arguments.storage, "vmCount": arguments.machines}
    resources = {name: value for name, value in given.items() if value is not None}
    more: dict[str, dict[str, Any]] = {
        "create": {"dataCenter": number, "plan": arguments.plan, "user": {"name": arguments.user}, "resources": resources},
        "change": {"target": number, "resources": resources},
        "suspend": {"target": number, "reason": arguments.reason},
        "resume": {"target": number},
        "delete": {"target": number, "deleteMachines": True},
    }
    return head | {name: value for name, value in more[action].items() if value is not None}


def send(account: str, body: dict[str, Any]) -> None:
    """Put a message on the queue, never to expire."""
    with (
        DefaultAzureCredential() as credential,
        QueueClient(f"https://{account}.queue.core.windows.net", REQUESTS, credential=credential) as queue,
    ):
        queue.send_message(json.dumps(body), time_to_live=-1)
    print(f"Sent {body['operation']} of {body.get('dataCenter') or body['target']} as {body['id']}.")


def welcome(account: str, number: str, seconds: float) -> int:
    """Wait for the event of an order, print what the welcome mail needs, and remove the event; others stay on the queue."""
    deadline = time.monotonic() + seconds
    with (
        DefaultAzureCredential() as credential,
        QueueClient(f"https://{account}.queue.core.windows.net", OUTCOMES, credential=credential) as queue,
    ):
        while time.monotonic() < deadline:
            for one in queue.receive_messages(visibility_timeout=5):
                event = json.loads(one.content)
                data = event["data"]
                if data.get("action") != "create" or (data.get("result") or {}).get("dataCenter") != number:
                    continue
                queue.delete_message(one)
                print(json.dumps({"type": event["type"], "error": data["error"], **data["result"]}, indent=2))
                return 0 if event["type"].endswith(".succeeded") else 1
            time.sleep(5)
    print(f"There was no event of the order {number} in {seconds:.0f} s.", file=sys.stderr)
    return 1


def main() -> int:
    """Send the message of an action, or wait for the welcome event."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("create", "change", "suspend", "resume", "delete", "welcome"))
    parser.add_argument("number", help="the billing system's order number")
    parser.add_argument("--account", required=True, help="the app's storage account")
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--id", help="key of the message; by default action and number")
    parser.add_argument("--plan")
    parser.add_argument("--user")
    parser.add_argument("--reason")
    for name, kind in (("--cpus", "processors"), ("--memory", "MB"), ("--storage", "GB"), ("--machines", "machines")):
        parser.add_argument(name, type=int, help=kind)
    parser.add_argument("--seconds", type=float, default=1800.0, help="how long to wait for the welcome event")
    arguments = parser.parse_args()
    if arguments.action == "welcome":
        return welcome(arguments.account, arguments.number, arguments.seconds)
    send(arguments.account, message(arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
