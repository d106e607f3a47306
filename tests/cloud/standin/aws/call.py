"""One call on its way through the proxy, and what an overlay may do with it: ask moto, remember, tell the helper."""

import http.client
import json
import re
from urllib.parse import urlencode

import botocore.parsers

from .models import META, AwsError, output_shape
from .state import DEFAULT_ACCOUNT

HOP_BY_HOP = ("host", "content-length", "connection", "accept-encoding", "transfer-encoding", "expect")
# Services whose region moto reads off the host name instead of the signature.
BY_HOST = ("emr",)


def upstream(moto, method, path, headers, body, service=None, region=None):
    """(status, headers, body) from bare moto."""
    connection = http.client.HTTPConnection(*moto, timeout=120)
    sent = {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}
    if service in BY_HOST:
        sent["Host"] = "%s.%s.amazonaws.com" % (META[service]["endpointPrefix"], region)
    try:
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        return response.status, list(response.getheaders()), response.read()
    finally:
        connection.close()


# Of services whose model no longer says it, because their first protocol is another.
JSON_VERSION = {"cloudwatch": "1.0"}


class Call:
    def __init__(self, proxy, identified, headers, params):
        self.proxy, self.world, self.helper = proxy, proxy.world, proxy.helper
        self.service, self.operation, self.region = identified.service, identified.operation, identified.region
        self.protocol, self.key, self.headers, self.params = identified.protocol, identified.key, headers, params

    @property
    def account(self):
        """Whose key this is, as moto sees it."""
        known = self.world.accounts
        if self.key not in known:
            try:
                known[self.key] = self.query("sts", "GetCallerIdentity", {})["Account"]
            except (AwsError, OSError, KeyError):
                return DEFAULT_ACCOUNT
        return known[self.key]

    def memory(self, kind):
        return self.world.memory(kind, self.account, self.region)

    def setting(self, name):
        return self.world.settings[name]

    def arn(self, kind, name, service="sagemaker"):
        return "arn:aws:%s:%s:%s:%s/%s" % (service, self.region, self.account, kind, name)

    def forward(self, params=None):
        return self.call(self.operation, self.params if params is None else params)

    def call(self, operation, params, service=None):
        """Another operation of a JSON service at moto, with the caller's own credentials."""
        service = service or self.service
        headers = self._signed(service)
        headers["X-Amz-Target"] = "%s.%s" % (META[service]["targetPrefix"], operation)
        version = JSON_VERSION.get(service) or META[service].get("jsonVersion", "1.1")
        headers["Content-Type"] = "application/x-amz-json-" + version
        body = json.dumps(params).encode()
        status, _, answer = upstream(self.proxy.moto, "POST", "/", headers, body, service, self.region)
        if status != 200:
            raise moto_error(status, answer, "%s.%s" % (service, operation))
        return json.loads(answer or b"{}")

    def query(self, service, operation, params):
        """An operation of a query service (IAM, STS) at moto."""
        form = {"Action": operation, "Version": META[service]["apiVersion"], **params}
        headers = {**self._signed(service), "Content-Type": "application/x-www-form-urlencoded"}
        status, answered, body = upstream(self.proxy.moto, "POST", "/", headers, urlencode(form).encode())
        parser = botocore.parsers.create_parser("query")
        names = {name.lower(): value for name, value in answered}
        answer = {"status_code": status, "headers": names, "body": body}
        parsed = parser.parse(answer, output_shape(service, operation) if status < 300 else None)
        if status >= 300:
            error = parsed.get("Error", {})
            raise AwsError(error.get("Code", "InternalFailure"), error.get("Message", ""), status)
        return parsed

    def s3(self, method, bucket, key="", query=""):
        """(status, body) of an S3 request at moto."""
        path = "/" + bucket + ("/" + key if key else "") + ("?" + query if query else "")
        status, _, body = upstream(self.proxy.moto, method, path, self._signed("s3"), None)
        return status, body

    def _signed(self, service):
        """The caller's authorization, its scope moved to another service; moto looks at the scope alone."""
        authorization = self.headers.get("Authorization", "")
        signing = META[service].get("signingName") or META[service]["endpointPrefix"]
        moved = re.sub(r"/[^/]+/aws4_request", "/%s/aws4_request" % signing, authorization)
        out = {"Authorization": moved}
        if self.headers.get("X-Amz-Security-Token"):
            out["X-Amz-Security-Token"] = self.headers.get("X-Amz-Security-Token")
        return out


def moto_error(status, answer, what="this"):
    """The error of a JSON answer. A page of HTML is what moto says where it has no code."""
    try:
        error = json.loads(answer)
    except ValueError:
        # 400: an SDK would retry a 500
        return AwsError("OracleNotImplemented", "moto does not implement %s (%s)" % (what, status), 400)
    code = error.get("__type", "InternalFailure").split("#")[-1]
    message = error.get("message") or error.get("Message", "")
    if what.startswith("sagemaker."):
        message = re.sub(r"'(arn:[^']+)'", r'"\1"', message)  # SageMaker quotes with "
    return AwsError(code, message, status)
