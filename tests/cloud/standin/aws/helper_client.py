"""How the proxy talks to the helper that runs scripts and serves models."""

import http.client
import json

from .models import AwsError


class HelperClient:
    def __init__(self, address):
        self.address = address

    def _send(self, path, body, headers, timeout=120):
        connection = http.client.HTTPConnection(*self.address, timeout=timeout)
        try:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        except OSError as error:
            text = "the stand-in's helper does not answer: %s" % error
            raise AwsError("InternalFailure", text, 500) from error
        finally:
            connection.close()

    def tell(self, path, value, timeout=120):
        headers = {"Content-Type": "application/json"}
        status, _, body = self._send(path, json.dumps(value, default=str).encode(), headers, timeout)
        if status != 200:
            text = "the stand-in's helper: " + body.decode("utf-8", "replace")
            raise AwsError("InternalFailure", text, 500)
        return json.loads(body)

    def _named(self, call, name, **more):
        return {
            "epoch": call.world.epoch,
            "account": call.account,
            "region": call.region,
            "key": call.key,
            "name": name,
            **more,
        }

    def start_job(self, call, name, params):
        self.tell("/job/start", self._named(call, name, params=params, arn=call.arn("training-job", name)))

    def stop_job(self, call, name):
        self.tell("/job/stop", self._named(call, name))

    def start_endpoint(self, call, name, variants, asynchronous):
        self.tell("/endpoint/start", self._named(call, name, variants=variants, asynchronous=asynchronous))

    def stop_endpoint(self, call, name):
        self.tell("/endpoint/stop", self._named(call, name))

    def invoke(self, call):
        """(status, headers, body) of the model's own answer."""
        params = call.params
        headers = {
            "X-Account": call.account,
            "X-Region": call.region,
            "X-Endpoint": params["EndpointName"],
            "X-Wanted-Variant": params.get("TargetVariant", ""),
            "Content-Type": params.get("ContentType", ""),
            "Accept": params.get("Accept", ""),
            "X-Amzn-SageMaker-Custom-Attributes": params.get("CustomAttributes", ""),
        }
        headers = {name: value for name, value in headers.items() if value}
        return self._send("/invoke", params.get("Body") or b"", headers, timeout=75)

    def invoke_async(self, call, inference):
        params = call.params
        wanted = {
            "input": params["InputLocation"],
            "content_type": params.get("ContentType"),
            "accept": params.get("Accept"),
            "inference": inference,
        }
        return self.tell("/invoke-async", self._named(call, params["EndpointName"], **wanted))

    def settings(self, world):
        self.tell("/settings", {"settings": world.settings, "offset": world.offset})

    def reset(self, world):
        """Returns when every script and server has ended."""
        self.tell("/reset", {"epoch": world.epoch}, timeout=300)
