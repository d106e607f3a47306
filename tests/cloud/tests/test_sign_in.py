"""IAM Identity Center by the device flow, and keys that AWS does not know."""

import boto3
from botocore.config import Config
from conftest import refused


def client(cloud, service):
    unsigned = Config(signature_version="unsigned")
    return boto3.client(service, endpoint_url=cloud.url, region_name="eu-west-1", config=unsigned)


def test_a_sign_in(cloud):
    oidc, sso = client(cloud, "sso-oidc"), client(cloud, "sso")
    me = oidc.register_client(clientName="test", clientType="public", scopes=["sso:account:access"])
    who = {"clientId": me["clientId"], "clientSecret": me["clientSecret"]}
    begun = oidc.start_device_authorization(**who, startUrl="https://x.awsapps.com/start")
    ask = {**who, "grantType": "urn:ietf:params:oauth:grant-type:device_code", "deviceCode": begun["deviceCode"]}
    assert refused(oidc.create_token, **ask)[0] == "AuthorizationPendingException"
    cloud.control("clock", {"sso": "refuse"})
    assert refused(oidc.create_token, **ask)[0] == "AccessDeniedException"
    cloud.control("clock", {"sso": "allow"})
    token = oidc.create_token(**ask)["accessToken"]
    cloud.control("clock", {"sso": "pending"})
    made = sso.get_role_credentials(roleName="R", accountId="123456789012", accessToken=token)["roleCredentials"]
    assert made["accessKeyId"].startswith("ASIA")
    wrong = refused(sso.get_role_credentials, roleName="R", accountId="123456789012", accessToken="x")
    assert wrong[0] == "UnauthorizedException"
    keys = {"aws_access_key_id": made["accessKeyId"], "aws_secret_access_key": made["secretAccessKey"]}
    sts = boto3.client("sts", endpoint_url=cloud.url, region_name="eu-west-1", **keys)
    assert sts.get_caller_identity()["Account"] == "123456789012"
    cloud.control("clock", {"refused_keys": {made["accessKeyId"]: "SignatureDoesNotMatch"}})
    assert refused(sts.get_caller_identity)[0] == "SignatureDoesNotMatch"
    cloud.control("clock", {"refused_keys": {}})
