"""The user that the printed keys belong to, so that "who am I" and "what may I do" have true answers."""

import json
import random
import urllib.request

from ..moto_client import client

USER = "researcher"
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def seed(moto):
    """{"user", "key", "secret"}; the same key after every reset, as moto is seeded for the moment."""
    _reseed(moto, 1)
    iam = client(moto, "iam")
    iam.create_user(UserName=USER)
    iam.put_user_policy(UserName=USER, PolicyName="everything", PolicyDocument=json.dumps(POLICY))
    made = iam.create_access_key(UserName=USER)["AccessKey"]
    _reseed(moto, random.randrange(1 << 30))
    return {"user": USER, "key": made["AccessKeyId"], "secret": made["SecretAccessKey"]}


def _reseed(moto, number):
    url = "http://%s:%d/moto-api/seed?a=%d" % (*moto, number)
    with urllib.request.urlopen(urllib.request.Request(url, method="POST")) as answer:
        answer.read()
