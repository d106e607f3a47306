"""A million points with one spike, as TensorBoard writes and reads them: how long, how many are kept, is the spike there.

tensorboard_million.py FILE: writes FILE where it is not there; then examples/million.rs reads the same one.
"""

import os
import random
import sys
import time

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

path = sys.argv[1]
if not os.path.exists(path):
    random.seed(7)
    with open(path, "wb") as file:
        writer = RecordWriter(file)
        for step in range(1_000_000):
            loss = 1000.0 if step == 654_321 else 2 / (1 + step / 20_000) + random.random() / 20
            value = Summary.Value(tag="loss", simple_value=loss)
            writer.write(Event(wall_time=1.7e9 + step / 50, step=step, summary=Summary(value=[value])).SerializeToString())
began, cpu = time.perf_counter(), time.process_time()
# As the server does: 10,000 points of each tag.
accumulator = EventAccumulator(path, size_guidance={"scalars": 10_000})
accumulator.Reload()
took, cpu = time.perf_counter() - began, time.process_time() - cpu
values = [event.value for event in accumulator.Scalars("loss")]
print(f"read in {took:.1f} s, {cpu:.1f} s of them on a core: {len(values)} points kept, the greatest is {max(values):.4f}")
