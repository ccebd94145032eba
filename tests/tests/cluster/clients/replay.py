"""Replays a ledger with the official Python client, and prints what it saw as JSON."""
import json
import sys

from kurrentdbclient import KurrentDBClient, NewEvent, StreamState
from kurrentdbclient.exceptions import KurrentDBClientError, NotFoundError


def seen(event):
    return [event.commit_position, event.stream_name, event.stream_position, str(event.id), event.type,
            event.data.decode(), event.metadata.decode()]


client = KurrentDBClient(sys.argv[1])
answer = {"all": [seen(event) for event in client.read_all()]}
answer["backwards"] = [event.commit_position for event in client.read_all(backwards=True)]
answer["stream"] = [event.stream_position for event in client.get_stream("account-a-1")]
answer["filtered"] = [event.type for event in client.read_all(filter_include=["PaymentScheduled"])]
try:
    client.get_stream("account-none")
except NotFoundError:
    answer["missing"] = True
live = []
with client.subscribe_to_all() as subscription:
    for event in subscription:
        live.append(event.commit_position)
        if len(live) == len(answer["all"]):
            break
answer["live"] = live
try:
    client.append_to_stream("account-a-1", current_version=StreamState.ANY,
                            events=[NewEvent(type="Forged", data=b"{}")])
except KurrentDBClientError as refused:
    answer["refused"] = type(refused).__name__ + ": " + str(refused)
client.close()
print(json.dumps(answer))
