"""Connecting accounts with the `curfew` command: profiles, pasted keys, a sign-in, keys that run out; and that no secret is
anywhere but in the keychain and in ~/.aws. CURFEW_BIN names the program; `./test cloud` builds it and says so."""

import datetime as dt
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from conftest import TRUST, until

BIN = os.environ.get("CURFEW_BIN")
pytestmark = pytest.mark.skipif(not BIN, reason="CURFEW_BIN names no program; ./test cloud brings one")
WITH_KEYCHAIN = Path(__file__).parents[3] / "scripts" / "with-keychain"

KEY, SECRET, TOKEN = "ASIAPLANTEDPLANTED00", "planted-secret/+0123456789", "planted-token//0123456789=="
BLOCK = "[default]\naws_access_key_id = %s\naws_secret_access_key=%s\naws_session_token=%s\n" % (KEY, SECRET, TOKEN)
PLANTED = (KEY, SECRET, TOKEN)


class Curfew:
    """A home folder, a CURFEW_HOME, a session bus with a keychain; and commands there."""

    def __init__(self, folder, exports):
        self.user, self.home = folder / "user", folder / "home"
        (self.user / ".aws").mkdir(parents=True)
        self.home.mkdir()
        self.words = ""
        own = {"HOME": str(self.user), "CURFEW_HOME": str(self.home), "CURFEW_LOG": "debug"}
        self.env = {**os.environ, **exports, **own}
        keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")
        files = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
        for name in (*keys, *files, "DBUS_SESSION_BUS_ADDRESS"):
            self.env.pop(name, None)

    def aws(self, name, text):
        (self.user / ".aws" / name).write_text(text)

    def run(self, *arguments, code=0, stdin=""):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen([BIN, *map(str, arguments)], env=self.env, **pipes)
        out, err = process.communicate(stdin, timeout=300)
        self.words += out + err
        assert process.returncode == code, "%s\n%s\n%s" % (arguments, out, err)
        return out, err

    def json(self, *arguments, code=0, **more):
        return json.loads(self.run(*arguments, "--json", code=code, **more)[0])

    def accounts(self, code=0):
        return self.json("accounts", code=code)["accounts"]

    def no_secret(self, secrets=PLANTED):
        """Not in what was said, not in a file of ours."""
        files = [path for path in self.home.rglob("*") if path.is_file()]
        assert files
        for secret in secrets:
            assert secret not in self.words, "said"
            for path in files:
                assert secret.encode() not in path.read_bytes(), path


@pytest.fixture
def curfew(cloud, tmp_path):
    yield Curfew(tmp_path, cloud.exports)
    cloud.control("clock", {"expired_keys": [], "refused_keys": {}, "sso": "pending"})


@pytest.fixture
def keychain(curfew):
    """Holds a session bus with a keychain open, and lets `curfew` use it."""
    if not shutil.which("gnome-keyring-daemon"):
        pytest.skip("no gnome-keyring here; ./test brings it")
    show = 'echo "$DBUS_SESSION_BUS_ADDRESS"; read -r _'
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    bus = subprocess.Popen([WITH_KEYCHAIN, "bash", "-c", show], env=curfew.env, **pipes)
    address = bus.stdout.readline().strip()
    assert address, "the keychain did not start"
    curfew.env["DBUS_SESSION_BUS_ADDRESS"] = address
    yield bus
    bus.communicate("\n", timeout=30)


def test_pasted_keys_go_to_the_keychain_and_leave_with_the_account(curfew, keychain):
    made = curfew.json("account", "add", "--keys", "--name", "lab", "--region", "eu-west-1", stdin=BLOCK)
    assert (made["title"], made["account"], made["home"]) == ("AWS · lab", "123456789012", "eu-west-1")
    assert made["this_session_only"] is None and "…ED00" in made["source"] and "keychain" in made["source"]
    [account] = curfew.accounts()
    assert account["who"].startswith("arn:aws:") and account["keys"]["lasts"] == "at_most"
    assert curfew.json("sweep")["gaps"] == []
    # New keys for the same account keep its name and region.
    block = BLOCK + "x_security_token_expires = 2099-01-01T00:00:00Z\n"
    again = curfew.json("account", "add", "--keys", stdin=block)
    assert (again["title"], again["home"]) == ("AWS · lab", "eu-west-1")
    [account] = curfew.accounts()
    assert account["keys"] == {"lasts": "until", "at": "2099-01-01T00:00:00Z"}
    # Gone from the list and from the keychain: an entry put back into the list finds no keys.
    listed = (curfew.home / "aws-connections.json").read_text()
    curfew.run("account", "rm", "123456789012", "--yes")
    assert curfew.accounts() == []
    (curfew.home / "aws-connections.json").write_text(listed)
    [account] = curfew.accounts(code=4)
    assert "not in the keychain" in account["problem"], account
    [gap] = curfew.json("sweep", code=4)["gaps"]
    assert gap["what"] == "AWS · lab, all of it" and gap["account"] == "123456789012", gap
    curfew.no_secret()


def test_without_a_keychain_a_command_keeps_nothing(curfew):
    curfew.env["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/nonexistent"
    [told] = curfew.json("account", "add", "--keys", stdin=BLOCK, code=1)["errors"]
    assert told["kind"] == "unsupported" and "no keychain" in told["happened"] and "panel" in told["next"], told
    assert curfew.accounts() == []
    curfew.no_secret()


def test_what_is_wrong_with_keys_is_said_at_its_place(cloud, curfew):
    def wrong(text, field, says):
        [told] = curfew.json("account", "add", "--keys", stdin=text, code=2)["errors"]
        assert (told["field"], says in told["happened"]) == (field, True), told

    wrong("hello", "block", "No keys")
    wrong(BLOCK.replace("aws_session_token", "x"), "block", "temporary")
    wrong(BLOCK.replace(KEY, SECRET), "block", "no access key ID")
    wrong(BLOCK + "x_security_token_expires = 2020-01-01T00:00:00Z\n", "block", "run out already")
    for code, says in (("InvalidClientTokenId", "does not know"), ("SignatureDoesNotMatch", "does not fit")):
        cloud.control("clock", {"refused_keys": {KEY: code}})
        wrong(BLOCK, "block", says)
    cloud.control("clock", {"refused_keys": {}, "expired_keys": [KEY]})
    [told] = curfew.json("account", "add", "--keys", stdin=BLOCK, code=1)["errors"]
    assert told["kind"] == "credentials_expired" and told["field"] == "block", told
    [told] = curfew.json("account", "add", "--keys", "--region", "Europe", stdin=BLOCK, code=2)["errors"]
    assert told["field"] == "region", told
    assert curfew.accounts() == []
    curfew.no_secret()


def profiles(curfew, **keys):
    sections = ["[%s]\naws_access_key_id=%s\naws_secret_access_key=%s\n" % (name, *pair) for name, pair in keys.items()]
    curfew.aws("credentials", "".join(sections))


def test_profiles_side_by_side_and_one_account_once(cloud, curfew):
    other = cloud.client("sts").assume_role(RoleArn="arn:aws:iam::222222222222:role/r", RoleSessionName="class")["Credentials"]
    mine = (cloud.exports["AWS_ACCESS_KEY_ID"], cloud.exports["AWS_SECRET_ACCESS_KEY"])
    profiles(curfew, lab=mine, again=mine, class_=(other["AccessKeyId"], other["SecretAccessKey"]))
    with (curfew.user / ".aws" / "credentials").open("a") as file:
        file.write("aws_session_token=%s\n" % other["SessionToken"])
    curfew.aws("config", "[profile lab]\nregion = eu-west-1\n[profile empty]\nregion=x\n")
    found = {f["name"]: f["state"]["state"] for f in curfew.json("accounts")["found"]}
    assert found == {"lab": "ready", "again": "ready", "class_": "ready", "empty": "incomplete"}
    curfew.run("account", "add", "--profile", "lab")
    curfew.run("account", "add", "--profile", "class_", "--name", "class")
    accounts = {a["title"]: a for a in curfew.accounts()}
    assert {t: a["account"] for t, a in accounts.items()} == {"AWS · lab": "123456789012", "AWS · class": "222222222222"}
    assert accounts["AWS · lab"]["home"] == "eu-west-1" and accounts["AWS · class"]["keys"]["lasts"] == "at_most"
    read = curfew.json("sweep")["read"]
    assert sum("AWS · " in line for line in read) == 2, read
    # The same account by another profile is the same account.
    curfew.run("account", "add", "--profile", "again")
    assert len(curfew.accounts()) == 2
    # A default profile is an account without any set-up; that it is a connected one too is said, and it is there once.
    profiles(curfew, default=mine, again=mine)
    accounts = curfew.accounts(code=4)
    [first] = [a for a in accounts if a["account"] == "123456789012"]
    assert first["also"] == ["the default profile of ~/.aws"], accounts
    [gone] = [a for a in accounts if a["account"] == "222222222222"]
    assert "no longer in ~/.aws" in gone["problem"]
    # A profile that has become another account's is not taken for the old one.
    profiles(curfew, again=(other["AccessKeyId"], other["SecretAccessKey"]))
    [moved] = [a for a in curfew.accounts(code=4) if a["account"] == "123456789012"]
    assert "belongs to the account 222222222222 now" in moved["problem"], moved
    [told] = curfew.json("account", "add", "--profile", "nobody", code=2)["errors"]
    assert told["field"] == "profile"
    curfew.no_secret((mine[0], mine[1], other["AccessKeyId"], other["SecretAccessKey"], other["SessionToken"]))


SSO = """[profile research]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Researcher
region = eu-west-1
[sso-session corp]
sso_start_url = https://x.awsapps.com/start
sso_region = eu-west-1
sso_registration_scopes = sso:account:access
"""


def test_a_sign_in_is_kept_as_the_aws_cli_keeps_it(cloud, curfew):
    curfew.aws("config", SSO)
    found = {f["id"]: f["state"]["state"] for f in curfew.json("accounts")["found"]}
    assert found == {"profile research": "sign_in", "sso-session corp": "sign_in"}
    [told] = curfew.json("account", "add", "--profile", "research", code=1)["errors"]
    assert told["kind"] == "credentials_expired" and "sign-in research" in told["next"], told

    threading.Timer(2.5, cloud.control, ("clock", {"sso": "allow"})).start()
    _, err = curfew.run("account", "sign-in", "research")
    assert re.search(r"https://device\.sso\S+user_code=([A-Z0-9-]+)", err) and "Check that it shows" in err, err
    path = curfew.user / ".aws/sso/cache" / (hashlib.sha1(b"corp").hexdigest() + ".json")
    token = json.loads(path.read_text())
    assert path.stat().st_mode & 0o777 == 0o600
    names = ["accessToken", "clientId", "clientSecret", "expiresAt", "refreshToken", "region", "registrationExpiresAt"]
    assert sorted(token) == [*names, "startUrl"] and token["startUrl"] == "https://x.awsapps.com/start"
    ends = dt.datetime.fromisoformat(token["expiresAt"].replace("Z", "+00:00"))
    assert 3500 < (ends - dt.datetime.now(dt.timezone.utc)).total_seconds() <= 3600
    curfew.run("account", "add", "--profile", "research")
    [account] = curfew.accounts()
    assert account["keys"]["lasts"] == "renewed" and account["renewal"] == {"by": "sign_in", "id": "profile research"}
    assert curfew.json("sweep")["gaps"] == []
    # Over, and nobody can renew it: the account stays, and what cannot be read is a gap.
    for name in ("refreshToken", "clientId"):
        del token[name]
    path.write_text(json.dumps({**token, "expiresAt": "2020-01-01T00:00:00Z"}))
    [account] = curfew.accounts()
    assert account["keys"] == {"lasts": "until", "at": "2020-01-01T00:00:00Z"}
    [gap] = curfew.json("sweep", code=4)["gaps"]
    assert gap["kind"] == "credentials_expired" and "AWS · research" in gap["what"], gap

    cloud.control("clock", {"sso": "refuse"})
    [told] = curfew.json("account", "sign-in", "corp", code=1)["errors"]
    assert told["kind"] == "permission_denied" and "refused in the browser" in told["happened"], told
    curfew.no_secret((token["accessToken"], token["clientSecret"], "sso-session-", "sso-secret-", "sso-access-token-"))


def test_an_account_is_chosen_of_a_session_that_no_profile_names(cloud, curfew):
    session = SSO[SSO.index("[sso-session") :]
    curfew.aws("config", session)
    seeded = {
        "123456789012": {"name": "vision", "roles": ["Reader", "Researcher"]},
        "210987654321": {"name": "teaching", "roles": ["Student"]},
    }
    cloud.control("data", {"sso.accounts": seeded})
    [found] = curfew.json("accounts")["found"]
    assert found["chooses"] and found["state"]["state"] == "sign_in" and not found["connects"]
    [told] = curfew.json("account", "choose", "corp", code=1)["errors"]
    assert told["kind"] == "credentials_expired" and "sign-in corp" in told["next"], told
    cloud.control("clock", {"sso": "allow"})
    curfew.run("account", "sign-in", "corp")
    choices = curfew.json("account", "choose", "corp")["choices"]
    assert [(c["name"], c["state"]["state"]) for c in choices] == [
        ("corp/210987654321/Student", "ready"),
        ("corp/123456789012/Reader", "ready"),
        ("corp/123456789012/Researcher", "ready"),
    ]
    [told] = curfew.json("account", "add", "--profile", "corp/123456789012/Admin", code=2)["errors"]
    assert told["field"] == "profile", told
    made = curfew.json("account", "add", "--profile", "corp/123456789012/Researcher")
    assert (made["title"], made["account"], made["home"]) == ("AWS · vision", "123456789012", "eu-west-1")
    assert made["renewal"] == {"by": "sign_in", "id": "sso-session corp"} and "Researcher" in made["source"]
    assert curfew.json("sweep")["gaps"] == []
    states = {c["name"]: c["state"]["state"] for c in curfew.json("account", "choose", "corp")["choices"]}
    assert states["corp/123456789012/Researcher"] == "connected"
    assert (curfew.user / ".aws" / "config").read_text() == session, "nothing is written into ~/.aws/config"
    # The session is over: the account stays, and says what to do.
    path = curfew.user / ".aws/sso/cache" / (hashlib.sha1(b"corp").hexdigest() + ".json")
    token = json.loads(path.read_text())
    del token["refreshToken"]
    path.write_text(json.dumps({**token, "expiresAt": "2020-01-01T00:00:00Z"}))
    [gap] = curfew.json("sweep", code=4)["gaps"]
    assert gap["kind"] == "credentials_expired" and "AWS · vision" in gap["what"], gap
    curfew.no_secret((token["accessToken"], "sso-secret-", "sso-access-token-"))


def test_a_code_of_a_second_factor_opens_a_session(cloud, curfew, keychain):
    mine = (cloud.exports["AWS_ACCESS_KEY_ID"], cloud.exports["AWS_SECRET_ACCESS_KEY"])
    name = cloud.name("second")
    role = cloud.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    serial = "arn:aws:iam::123456789012:mfa/ada"
    profiles(curfew, base=mine, plain=mine)
    with (curfew.user / ".aws" / "credentials").open("a") as file:
        file.write("mfa_serial = %s\n" % serial)
    config = "[profile lab]\nrole_arn = %s\nsource_profile = base\nmfa_serial = %s\nregion = eu-west-1\n" % (role, serial)
    login = "[profile console]\nlogin_session = arn:aws:iam::123456789012:user/ada\n"
    curfew.aws("config", config + login)
    found = {f["name"]: f["state"] for f in curfew.json("accounts")["found"]}
    assert {n: s["state"] for n, s in found.items()} == {
        "base": "ready", "plain": "code", "lab": "code", "console": "incomplete"
    }, found  # fmt: skip
    assert serial in found["lab"]["says"]
    assert "aws configure export-credentials --format env --profile console" in found["console"]["says"]
    for wrong, says in (("12345", "six digits"), ("654321", "does not take this code")):
        [told] = curfew.json("account", "add", "--profile", "lab", stdin=wrong + "\n", code=2)["errors"]
        assert told["field"] == "code" and says in told["happened"], told
    made = curfew.json("account", "add", "--profile", "lab", stdin="123456\n")
    assert (made["title"], made["account"], made["home"]) == ("AWS · lab", "123456789012", "eu-west-1")
    assert name in made["who"] and made["renewal"] == {"by": "code", "id": "profile lab"}, made
    [account] = curfew.accounts()
    assert account["keys"]["lasts"] == "until" and "opened" in account["source"], account
    assert curfew.json("sweep")["gaps"] == []
    # A session of the keys themselves takes its place.
    made = curfew.json("account", "add", "--profile", "plain", stdin="123456\n")
    assert made["renewal"] == {"by": "code", "id": "profile plain"} and made["title"] == "AWS · lab"
    calls = {entry["op"] for entry in cloud.log() if entry.get("service") == "sts"}
    assert {"AssumeRole", "GetSessionToken"} <= calls
    curfew.run("account", "rm", "123456789012", "--yes")
    curfew.no_secret((mine[1],))


def test_the_panel_takes_in_what_a_command_connects(cloud, curfew, keychain):
    """A running panel follows, without a restart; and its arguments and environment hold no secret."""
    panel = subprocess.Popen([BIN, "serve"], env=curfew.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        address, token = panel.stdout.readline().split()[-1].split("?")

        def page(path):
            command = ["curl", "-sS", "-H", "Cookie: " + cookie, address.rstrip("/") + path]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout

        head = subprocess.run(["curl", "-sS", "-D-", "-o", os.devnull, address + "?" + token], capture_output=True, text=True)
        cookie = re.search(r"(?i)set-cookie: ([^;\r\n]+)", head.stdout)[1]
        assert "No cloud is connected" in page("/accounts")
        curfew.run("account", "add", "--keys", "--name", "lab", stdin=BLOCK)
        text = until(lambda: page("/settings"), lambda t: "AWS · lab" in t, limit_s=30)
        assert "AWS · lab" in page("/train") and "AWS · lab" in page("/")
        cloud.control("clock", {"expired_keys": [KEY]})
        again = ["-X", "POST", "-H", "Origin: " + address.rstrip("/"), "-H", "Cookie: " + cookie]
        subprocess.run(["curl", "-sS", *again, address.rstrip("/") + "/sweep"], capture_output=True, check=True)
        until(lambda: page("/accounts"), lambda t: "keys refused" in t, limit_s=60)
        before = len([c for c in cloud.log() if c.get("error", "").startswith("Expired")])
        time.sleep(5)  # the loop's own pace: that nothing is asked in it can only be seen by waiting
        after = len([c for c in cloud.log() if c.get("error", "").startswith("Expired")])
        assert after - before <= 2, "an expired session is not hammered"
        text += page("/accounts") + page("/") + page("/sweep")
        cloud.control("clock", {"expired_keys": []})
        curfew.run("account", "add", "--keys", stdin=BLOCK)
        until(lambda: page("/accounts"), lambda t: "keys refused" not in t, limit_s=30)
        text += page("/accounts")
        for of in ("cmdline", "environ"):
            text += Path("/proc/%d/%s" % (panel.pid, of)).read_bytes().decode(errors="replace")
        for secret in PLANTED:
            assert secret not in text
        curfew.run("account", "rm", "123456789012", "--yes")
        until(lambda: page("/settings"), lambda t: "AWS · lab" not in t, limit_s=30)
    finally:
        panel.send_signal(signal.SIGTERM)
        curfew.words += "".join(panel.communicate(timeout=60))
    curfew.no_secret()
