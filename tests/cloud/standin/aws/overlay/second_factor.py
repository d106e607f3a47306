"""STS as it judges a code of a second factor, which moto takes unseen. The setting `mfa_code` is what the device shows; the
keys are moto's."""

from ..models import AwsError
from .registry import on


@on("sts", "GetSessionToken", "AssumeRole")
def session(call):
    code, serial = call.params.get("TokenCode"), call.params.get("SerialNumber")
    if (code is None) != (serial is None) or (code is not None and code != call.setting("mfa_code")):
        text = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
        raise AwsError("AccessDenied", text, 403)
    sent = {key: value for key, value in call.params.items() if key not in ("Tags", "PolicyArns", "TransitiveTagKeys")}
    answer = call.query("sts", call.operation, sent)
    answer.pop("ResponseMetadata", None)
    made = answer["Credentials"]
    made["Expiration"] = made["Expiration"].timestamp()
    return answer
