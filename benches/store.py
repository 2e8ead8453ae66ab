"""SeaweedFS, an S3 server, for the benchmark: on this machine, empty before every run."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree

BUCKET = "lake"
KEY = ("LXBENCHKEY", "lx-bench-secret")


def free_ports(count):
    """Loopback ports that nobody has now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


class Store:
    """A server with one bucket; runs while the `with` block does. A second gateway lets the benchmark look."""

    def __init__(self, directory):
        self.dir = os.path.join(directory, "seaweed")
        self.processes = []

    def __enter__(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(os.path.join(self.dir, "data"))
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        credentials = [{"accessKey": KEY[0], "secretKey": KEY[1]}]
        strict = self.identities("strict", {"name": "bench", "actions": actions, "credentials": credentials})
        open_to_all = self.identities("open", {"name": "anonymous", "actions": actions})
        names = ["master", "master.port.grpc", "volume", "volume.port.grpc", "filer", "filer.port.grpc", "s3"]
        ports = dict(zip([*names, "s3.port.grpc", "open", "open.grpc"], free_ports(10)))
        self.port, self.open_port = ports["s3"], ports["open"]
        address = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        flags = [f"-{name if 'port' in name else name + '.port'}={ports[name]}" for name in [*names, "s3.port.grpc"]]
        more = ["-master.telemetry=false", "-master.volumeSizeLimitMB=1024", "-volume.max=100", "-filer", "-s3"]
        more += [f"-filer.localSocket={self.dir}/filer.sock", f"-s3.localSocket={self.dir}/s3.sock"]
        quiet = ["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false"]
        self.start("server", *address, f"-dir={self.dir}/data", *flags, *more, *quiet, f"-s3.config={strict}")
        self.wait(self.port, lambda: self.ask("GET", "/", self.port))
        filer = f"127.0.0.1:{ports['filer']}.{ports['filer.port.grpc']}"
        more = [f"-filer={filer}", f"-port={self.open_port}", f"-port.grpc={ports['open.grpc']}"]
        quiet = ["-port.iceberg=0", "-port.lance=0", "-iam=false", f"-localSocket={self.dir}/open.sock"]
        self.start("s3", *address, *more, *quiet, f"-config={open_to_all}")
        self.wait(self.open_port, self.works)
        return self

    def __exit__(self, *failure):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    def identities(self, name, identity):
        path = os.path.join(self.dir, name + ".json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"identities": [identity]}, file)
        return path

    def start(self, *args):
        weed = os.path.join(os.path.dirname(sys.executable), "weed")
        if not os.path.exists(weed):
            raise SystemExit(f"{weed} is missing: make test-deps")
        log = open(os.path.join(self.dir, "log"), "ab")
        environment = {**os.environ, "TMPDIR": self.dir}
        process = subprocess.Popen([weed, "-logtostderr=true", *args], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        self.processes.append(process)

    def wait(self, port, ready):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if ready():
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise SystemExit(f"the S3 server does not answer at port {port}; see {self.dir}/log")

    def works(self):
        """A bucket can be made before the first object can be kept."""
        self.ask("PUT", f"/{BUCKET}")
        return self.ask("PUT", f"/{BUCKET}/hello", body=b"hello")[0] == 200

    def ask(self, method, target, port=None, body=None):
        """Status and content of an answer."""
        url = f"http://127.0.0.1:{port or self.open_port}{target}"
        request = urllib.request.Request(url, data=body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def entry(self):
        """An entry of the auth file."""
        endpoint = f"http://127.0.0.1:{self.port}"
        info = {"bucket": BUCKET, "base_path": "bench", "endpoint_url": endpoint, "region": "us-east-1"}
        return {"storage_type": "s3", "info": {**info, "aws_access_key_id": KEY[0], "aws_secret_access_key": KEY[1]}}

    def objects(self):
        """Names and sizes of all objects."""
        _, text = self.ask("GET", f"/{BUCKET}?list-type=2&max-keys=1000")
        space = "{http://s3.amazonaws.com/doc/2006-03-01/}"
        found = xml.etree.ElementTree.fromstring(text).iter(space + "Contents")
        return [(item.findtext(space + "Key"), int(item.findtext(space + "Size"))) for item in found]

    def megabytes(self):
        """Of all Parquet files."""
        return sum(size for name, size in self.objects() if name.endswith(".parquet")) / 1e6

    def empty(self):
        """Removes all objects."""
        for name, _ in self.objects():
            self.ask("DELETE", f"/{BUCKET}/{urllib.parse.quote(name)}")
