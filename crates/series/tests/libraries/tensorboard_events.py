"""Reads the event files in one folder with TensorBoard itself, and writes its own into another.

tensorboard_events.py READ WRITE: prints {tag: [how many, first step, first, last step, last]}.
"""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.summary.writer.event_file_writer import EventFileWriter

read, write = sys.argv[1:]
accumulator = EventAccumulator(read, size_guidance={"scalars": 0})
accumulator.Reload()
seen = {}
for tag in accumulator.Tags()["scalars"]:
    events = accumulator.Scalars(tag)
    seen[tag] = [len(events), events[0].step, events[0].value, events[-1].step, events[-1].value]
print(json.dumps(seen))

writer = EventFileWriter(write)
for step in range(5):
    # As PyTorch writes a number, and as Keras and TensorFlow 2 do.
    old = Summary.Value(tag="loss", simple_value=1 / (step + 1))
    tensor = TensorProto(dtype=1, float_val=[step / 4], tensor_shape=TensorShapeProto())
    new = Summary.Value(tag="epoch_accuracy", tensor=tensor)
    for value in (old, new):
        writer.add_event(Event(wall_time=1_700_000_000 + step, step=step, summary=Summary(value=[value])))
writer.close()
