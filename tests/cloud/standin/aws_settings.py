"""What `POST /_oracle/clock` may change."""

SETTINGS = {
    # Seconds that each stage lasts. Of a job whose script really runs only start_s counts.
    "start_s": 1,
    "download_s": 1,
    "train_s": 5,
    "upload_s": 1,
    "stop_s": 1,
    "notebook_s": 2,
    "endpoint_s": 2,
    "delete_s": 1,
    # AWS's own waiting times (120 s after SIGTERM, a minute between metrics) are multiplied by this.
    "scale": 1.0,
    "metrics_s": 60,
    # Whether SIGTERM reaches the script ("script") or, as in AWS's framework images, only their shell ("lost").
    "sigterm": "script",
    # {name or pattern: reason}, or {name or pattern: {"at": "Starting", "reason": …}}.
    "fail": {},
    "fail_endpoint": {},
    "fail_notebook": {},
    # A new role cannot be assumed at once on AWS.
    "check_role": True,
    "role_s": 0,
    # The server's clock is this much ahead; requests dated more than 5 minutes off are refused.
    "skew_s": 0,
    # Access key ids whose session is over.
    "expired_keys": [],
    # {access key id: the code that AWS refuses it with}.
    "refused_keys": {},
    # Each call needs its right by a policy of its user or role (see aws/authorize.py).
    "enforce_iam": False,
    # What the device of a second factor shows.
    "mfa_code": "123456",
    # What the user does with a sign-in in the browser: pending, allow, refuse, expire.
    "sso": "pending",
}
