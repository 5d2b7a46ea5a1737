
from tests.end_to_end.conftest import *


def test_x(stack, contoso):
    for n in range(4):
        m = stack.machine()
        stack.fault("timeout", method="GET", path=f"/{m.points[0].split('/')[-3]}/", times=1000)
        body = m.copy() if n % 2 else {"source": {"restorePointId": m.points[0] + "x"}, "target": m.target()}
        r = contoso.post("/restore-point-copies", body)
        print(n, r.status)
        stack.control("DELETE", "faults")
        if r.status != 202:
            log = next(p for p in stack.stack.parts if p.name == "the functions host").log.read_text()
            print(log[-6000:])
            assert 0
