"""Drives a server of the Streams protocol with the official client for Python, and fails at the first answer that
is not the real server's. The connection string is the only argument."""

import json
import sys
from uuid import uuid4

from kurrentdbclient import KurrentDBClient, NewEvent, StreamState
from kurrentdbclient.events import CaughtUp, Checkpoint
from kurrentdbclient.exceptions import (
    FailedPreconditionError,
    NotFoundError,
    StreamIsDeletedError,
    WrongCurrentVersionError,
)

client = KurrentDBClient(uri=sys.argv[1])
run = uuid4().hex


def event(number):
    return NewEvent(type="Happened", data=json.dumps({"number": number}).encode(), metadata=b'{"by":"python"}')


def numbers(events):
    return [json.loads(recorded.data)["number"] for recorded in events]


def refused(error, call):
    try:
        call()
    except error:
        return True
    return False


def same(wanted, found):
    assert wanted == found, f"{found!r}, and not {wanted!r}"


def name(kind, number=1):
    return f"{kind}{run}-{number}"


def appends():
    stream = name("append")
    first, batch = event(0), [event(1), event(2)]
    at = client.append_to_stream(stream, events=first, current_version=StreamState.NO_STREAM)
    then = client.append_to_stream(stream, events=batch, current_version=0)
    assert then - at > 2, "positions are no counters"
    # The same ids at the same place: the first answer again.
    same(at, client.append_to_stream(stream, events=first, current_version=StreamState.NO_STREAM))
    same(then, client.append_to_stream(stream, events=batch, current_version=0))
    # Other ids, one or many, and only some of the ids: conflicts.
    conflicts = [(event(9), StreamState.NO_STREAM), ([event(9)], 0), ([batch[0], event(9)], 0), ([event(9)], 5)]
    for events, version in conflicts:
        assert refused(
            WrongCurrentVersionError,
            lambda: client.append_to_stream(stream, events=events, current_version=version),
        ), f"{version} is a conflict"
    same([0, 1, 2], numbers(client.get_stream(stream)))
    same(2, client.get_current_version(stream))


def reads():
    stream = name("read")
    assert refused(NotFoundError, lambda: client.get_stream(stream)), "nothing was written yet"
    client.append_to_stream(stream, events=[event(n) for n in range(5)], current_version=StreamState.NO_STREAM)
    same([0, 1, 2, 3, 4], numbers(client.get_stream(stream)))
    same([2, 3], numbers(client.get_stream(stream, stream_position=2, limit=2)))
    same([4, 3, 2, 1, 0], numbers(client.get_stream(stream, backwards=True)))
    same([1, 0], numbers(client.get_stream(stream, stream_position=1, backwards=True)))
    one = client.get_stream(stream, limit=1)[0]
    same(("Happened", "application/json", b'{"by":"python"}'), (one.type, one.content_type, one.metadata))


def all_of_a_kind():
    kind = f"all{run}-"
    for number in range(3):
        client.append_to_stream(name("all", number), events=event(number), current_version=StreamState.NO_STREAM)
        client.append_to_stream(name("other", number), events=event(7), current_version=StreamState.NO_STREAM)
    wanted = {"filter_by_stream_name": True, "filter_by_prefix": True, "filter_include": [kind]}
    forwards = list(client.read_all(**wanted))
    same([0, 1, 2], numbers(forwards))
    same([2, 1, 0], numbers(client.read_all(backwards=True, **wanted)))
    # A position is where a read begins, and where one backwards has just been.
    second = forwards[1].commit_position
    same([1, 2], numbers(client.read_all(commit_position=second, **wanted)))
    same([0], numbers(client.read_all(commit_position=second, backwards=True, **wanted)))
    # By type, and with the system's own events.
    by_type = {"filter_by_prefix": True, "filter_include": ["Happened"], "limit": 2}
    same(2, len(list(client.read_all(**by_type))))
    everything = [recorded.stream_name for recorded in client.read_all(filter_exclude=())]
    assert any(stream.startswith("$") for stream in everything), "the system writes, too"


def subscribes():
    kind = f"live{run}-"
    after = client.get_commit_position(filter_exclude=())
    filler = [event(7) for _ in range(9)]
    client.append_to_stream(name("live", 1), events=event(0), current_version=StreamState.NO_STREAM)
    client.append_to_stream(name("filler"), events=filler, current_version=StreamState.NO_STREAM)
    client.append_to_stream(name("live", 1), events=event(1), current_version=0)
    with client.subscribe_to_all(
        commit_position=after,
        filter_by_stream_name=True,
        filter_by_prefix=True,
        filter_include=[kind],
        include_checkpoints=True,
        include_caught_up=True,
        window_size=5,
        checkpoint_interval_multiplier=1,
        timeout=20,
    ) as subscription:
        events, checkpoints = [], []
        for said in subscription:
            if isinstance(said, CaughtUp):
                break
            (checkpoints if isinstance(said, Checkpoint) else events).append(said)
        same([0, 1], numbers(events))
        assert checkpoints, "filtered-out events move the checkpoint"
        assert all(after < checkpoint.commit_position for checkpoint in checkpoints)
        client.append_to_stream(name("live", 2), events=event(2), current_version=StreamState.NO_STREAM)
        live = next(said for said in subscription if not isinstance(said, Checkpoint))
        same([2], numbers([live]))


def metadata():
    stream = name("kept")
    client.append_to_stream(stream, events=[event(n) for n in range(4)], current_version=StreamState.NO_STREAM)
    same(({}, StreamState.NO_STREAM), client.get_stream_metadata(stream))
    client.set_stream_metadata(stream, metadata={"$maxCount": 2}, current_version=StreamState.NO_STREAM)
    same(({"$maxCount": 2}, 0), client.get_stream_metadata(stream))
    same([2, 3], numbers(client.get_stream(stream)))
    client.set_stream_metadata(stream, metadata={"$tb": 3}, current_version=0)
    same([3], numbers(client.get_stream(stream)))


def deletes():
    stream = name("gone")
    client.append_to_stream(stream, events=[event(0), event(1)], current_version=StreamState.NO_STREAM)
    assert refused(WrongCurrentVersionError, lambda: client.delete_stream(stream, current_version=0))
    client.delete_stream(stream, current_version=1)
    assert refused(NotFoundError, lambda: client.get_stream(stream)), "it is deleted"
    client.append_to_stream(stream, events=event(2), current_version=StreamState.NO_STREAM)
    same([2], numbers(client.get_stream(stream)))
    client.tombstone_stream(stream, current_version=2)
    assert refused(StreamIsDeletedError, lambda: client.get_stream(stream)), "it is gone for ever"
    # The client has a name of its own for it only in batches.
    for error, events in ((FailedPreconditionError, event(3)), (StreamIsDeletedError, [event(3)])):
        assert refused(
            error,
            lambda: client.append_to_stream(stream, events=events, current_version=StreamState.ANY),
        ), "it cannot be written again"


for step in (appends, reads, all_of_a_kind, subscribes, metadata, deletes):
    step()
    print(step.__name__, flush=True)
client.close()
