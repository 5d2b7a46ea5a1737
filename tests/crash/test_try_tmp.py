import os,time,sys
import tests.crash.test_many as m
from tests.crash.conftest import *
from tests.crash.world import world
async def test_try(fleet):
    chains=int(os.environ.get("CHAINS","12")); kill=float(os.environ.get("EVERY","0"))
    many = world("many", (await fleet.simulation.clock()).now, chains=chains, points=5)
    await fleet.hold(many)
    began=time.monotonic()
    import contextlib
    m.EVERY_SECONDS=kill
    cm = m.killing(fleet,1) if kill else contextlib.nullcontext()
    async with cm as killer:
        await fleet.simulation.set_speed(30)
        await m.ask_all(fleet, many.points)
        print("accepted", time.monotonic()-began)
        await fleet.simulation.set_speed(0)
        fig = await fleet.until_ended(seconds=float(os.environ.get("SECONDS_","150")))
    print(fig, killer and killer.kills)
    for row in await fleet.simulation.requests(): print(row)
    print(await fleet.compare())
