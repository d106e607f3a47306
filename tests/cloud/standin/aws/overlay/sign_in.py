"""IAM Identity Center, which moto lacks: the device flow, and keys for whoever holds its token.

The setting `sso` is what the user does in the browser: "pending" (nothing yet), "allow", "refuse", "expire"."""

import uuid

from ..models import AwsError
from .registry import on

URL = "https://device.sso.us-east-1.amazonaws.com/"


def _all(call):
    return call.world.memory("sso", "", "")


@on("sso-oidc", "RegisterClient")
def register(call):
    now = int(call.world.now())
    client = {"clientId": uuid.uuid4().hex, "clientSecret": "sso-client-secret-" + uuid.uuid4().hex}
    with call.world.lock:
        _all(call)[client["clientId"]] = client["clientSecret"]
    return {**client, "clientIdIssuedAt": now, "clientSecretExpiresAt": now + 90 * 86400}


def _known(call):
    if _all(call).get(call.params["clientId"]) != call.params["clientSecret"]:
        raise AwsError("InvalidClientException", "Client is not known.", 401, {"error": "invalid_client"})


@on("sso-oidc", "StartDeviceAuthorization")
def start(call):
    _known(call)
    device, code = uuid.uuid4().hex, uuid.uuid4().hex[:8].upper()
    code = code[:4] + "-" + code[4:]
    with call.world.lock:
        _all(call)[device] = code
    return {
        "deviceCode": device,
        "userCode": code,
        "verificationUri": URL,
        "verificationUriComplete": URL + "?user_code=" + code,
        "expiresIn": 600,
        "interval": 1,
    }


@on("sso-oidc", "CreateToken")
def token(call):
    _known(call)
    refreshing = call.params["grantType"] == "refresh_token"
    if call.params.get("refreshToken" if refreshing else "deviceCode") not in _all(call):
        raise AwsError("InvalidGrantException", "Not known.", 400, {"error": "invalid_grant"})
    does = "allow" if refreshing else call.setting("sso")
    if does != "allow":
        code, error = {
            "pending": ("AuthorizationPendingException", "authorization_pending"),
            "refuse": ("AccessDeniedException", "access_denied"),
            "expire": ("ExpiredTokenException", "expired_token"),
        }[does]
        raise AwsError(code, error, 400, {"error": error, "error_description": error})
    made = {"accessToken": "sso-access-token-" + uuid.uuid4().hex, "refreshToken": "sso-refresh-" + uuid.uuid4().hex}
    with call.world.lock:
        _all(call).update({made["accessToken"]: "token", made["refreshToken"]: "refresh"})
    return {**made, "tokenType": "Bearer", "expiresIn": 3600}


def _signed_in(call):
    if _all(call).get(call.params["accessToken"]) != "token":
        raise AwsError("UnauthorizedException", "Session token not found or invalid", 401)


def _page(call, items, listed):
    start, size = int(call.params.get("nextToken") or 0), int(call.params.get("maxResults") or 100)
    answer = {listed: items[start : start + size]}
    if len(items) > start + size:
        answer["nextToken"] = str(start + size)
    return answer


@on("sso", "ListAccounts")
def accounts(call):
    """Seeded as {"sso.accounts": {number: {"name", "roles"}}}."""
    _signed_in(call)
    seeded = call.world.data["sso.accounts"]
    found = [
        {"accountId": number, "accountName": each["name"], "emailAddress": each["name"] + "@example.org"}
        for number, each in seeded.items()
    ]
    return _page(call, found, "accountList")


@on("sso", "ListAccountRoles")
def roles(call):
    _signed_in(call)
    number = call.params["accountId"]
    if number not in call.world.data["sso.accounts"]:
        raise AwsError("ResourceNotFoundException", "No access", 404)
    names = call.world.data["sso.accounts"][number]["roles"]
    return _page(call, [{"roleName": name, "accountId": number} for name in names], "roleList")


@on("sso", "GetRoleCredentials")
def keys(call):
    _signed_in(call)
    made = {
        "accessKeyId": "ASIA" + uuid.uuid4().hex[:16].upper(),
        "secretAccessKey": "sso-secret-" + uuid.uuid4().hex,
        "sessionToken": "sso-session-" + uuid.uuid4().hex,
        "expiration": int((call.world.now() + 3600) * 1000),
    }
    return {"roleCredentials": made}
