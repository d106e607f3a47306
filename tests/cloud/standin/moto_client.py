"""boto3 at bare moto: its calls meet no faults and are in no log."""

import boto3
from botocore.config import Config


def client(moto, service, region="us-east-1", key="standin", secret="standin", account=None):
    made = boto3.client(
        service,
        region_name=region,
        endpoint_url="http://%s:%d" % moto,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}, proxies={}),
    )
    if account:
        made.meta.events.register("before-send", lambda request, **_: _claim(request, account))
    return made


def _claim(request, account):
    request.headers["x-moto-account-id"] = account
