"""Microsoft Graph and Dataverse as a state machine behind HTTPS, to test against.

It is written from Microsoft's published documentation; each file names the pages that it follows. `graph` is a fresh
server: change its `world`, set its `manner` of paging, schedule `faults`, read its `log`, compare with `world.truth`.

def test_a_user_is_told(graph):
    ada = graph.world.add("users", displayName="Ada")
    with httpx.Client(verify=graph.authority.trust(), headers={"Authorization": f"Bearer {graph.token}"}) as client:
        client.get(f"{graph.url}/users/delta").json()["value"] == [{"id": ada, "displayName": "Ada"}]

`service.GraphService` is the same without a socket. `python -m tests.fakes.graph --users 1000` runs it by hand.
"""
