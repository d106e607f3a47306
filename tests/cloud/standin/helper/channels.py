"""Input data of a training job: File and FastFile as files, Pipe as named pipes."""

import errno
import os
import threading

from .cloud import Missing, fetch, inside, objects, relative, split_s3


class Channel:
    """One channel for one host. `start` before the script, `stop` after it."""

    def __init__(self, place, given, default_mode, folder, host, hosts):
        self.place, self.folder, self.name = place, folder, given["ChannelName"]
        self.mode = given.get("InputMode") or default_mode or "File"
        source = given["DataSource"].get("S3DataSource")
        if source is None:
            raise Missing("the stand-in has S3 data only, not a file system, for channel " + self.name)
        self.source, self.host, self.hosts = source, host, hosts
        self.pipe = None

    def keys(self):
        """(bucket, [(key, name in the channel's folder)])."""
        kind = self.source["S3DataType"]
        if kind == "S3Prefix":
            bucket, prefix = split_s3(self.source["S3Uri"])
            found = [(key, relative(prefix, key)) for key in objects(self.place, bucket, prefix)]
        elif kind == "ManifestFile":
            bucket, found = self._manifest()
        else:
            raise Missing("the stand-in does not read %s, for channel %s" % (kind, self.name))
        if not found:
            raise Missing("no objects below %s" % self.source["S3Uri"])
        if self.source.get("S3DataDistributionType") == "ShardedByS3Key":
            found = found[self.hosts.index(self.host) :: len(self.hosts)]
        return bucket, found

    def _manifest(self):
        import json

        bucket, key = split_s3(self.source["S3Uri"])
        path = os.path.join(self.folder, self.name + "-manifest")
        fetch(self.place, bucket, key, path)
        with open(path, encoding="utf-8") as file:
            first, *rest = json.load(file)
        bucket, prefix = split_s3(first["prefix"])
        return bucket, [(prefix + item, item) for item in rest]

    def start(self):
        bucket, keys = self.keys()
        if self.mode == "Pipe":
            self.pipe = Pipe(self.place, bucket, [key for key, _ in keys], os.path.join(self.folder, self.name))
            return
        # FastFile reads on demand on AWS; here the files simply are there.
        folder = os.path.join(self.folder, self.name)
        os.makedirs(folder, exist_ok=True)
        for key, name in keys:
            fetch(self.place, bucket, key, inside(folder, name))

    def stop(self):
        if self.pipe:
            self.pipe.stop()

    def described(self):
        """The channel's entry in inputdataconfig.json."""
        return {
            "TrainingInputMode": self.mode,
            "S3DistributionType": self.source.get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": "None",
        }


class Pipe:
    """CHANNEL_0, CHANNEL_1, … one for each time that the script reads the data through."""

    def __init__(self, place, bucket, keys, path):
        self.place, self.bucket, self.keys, self.path = place, bucket, keys, path
        self.stopping = threading.Event()
        self._make(0)
        self.thread = threading.Thread(target=self._write_on, daemon=True)
        self.thread.start()

    def _make(self, epoch):
        if not os.path.exists("%s_%d" % (self.path, epoch)):
            os.mkfifo("%s_%d" % (self.path, epoch))

    def _write_on(self):
        epoch = 0
        while not self.stopping.is_set():
            self._make(epoch + 1)  # the script may open the next before it closes this one
            out = self._open("%s_%d" % (self.path, epoch))
            if out is None:
                return
            try:
                with os.fdopen(out, "wb") as file:
                    for key in self.keys:
                        body = self.place.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"]
                        for chunk in body.iter_chunks(1 << 20):
                            file.write(chunk)
            except BrokenPipeError:
                pass  # the script has read enough
            os.unlink("%s_%d" % (self.path, epoch))
            epoch += 1

    def _open(self, path):
        """The writing end, once a reader is there; None when stopped before."""
        while not self.stopping.wait(0.02):
            try:
                out = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                continue
            os.set_blocking(out, True)
            return out
        return None

    def stop(self):
        self.stopping.set()
        self.thread.join(10)
