"""Orders, end to end over the simulated Azure Pack in memory."""

from datetime import timedelta

from tests.data_centers.bench import bench


async def test_an_order_makes_one_of_each_and_ends_once_the_quota_is_in_force() -> None:
    async with bench() as app:
        placed = await app.place()
        assert (placed.status, placed.body["state"]) == (202, "Provisioning"), placed
        (operation,) = await app.until_ended(placed)
        assert (operation["status"], operation["action"], operation["error"]) == ("Succeeded", "create", None), operation
        shown = await app.shown()
        assert (shown["state"], shown["quotaSync"]["state"], shown["pending"]) == ("Active", "InSync", []), shown
        state = app.state()
        mine = [one for one in state["subscriptions"] if one["SubscriptionID"] == shown["subscriptionId"]]
        assert len(mine) == 1
        await app.advance(timedelta(minutes=1))
        print(app.effects(), app.events, app.vaults.names())
