"""What Google's discovery documents say of a request: which method, and what is wrong with it."""

import difflib
import importlib.util
import json
import os
import re
import sys
from urllib.parse import parse_qsl, unquote, urlsplit

APIS = (
    "aiplatform.v1 compute.v1 storage.v1 logging.v2 monitoring.v3 cloudbilling.v1 notebooks.v2 cloudscheduler.v1 "
    "serviceusage.v1 dataproc.v1 sqladmin.v1 sqladmin.v1beta4 cloudresourcemanager.v3 iam.v1 recommender.v1 "
    "billingbudgets.v1"
).split()
# Query parameters that every method takes.
SYSTEM = {
    "$.xgafv", "access_token", "alt", "callback", "fields", "key", "oauth_token", "prettyPrint", "quotaUser",
    "uploadType", "upload_protocol", "userIp", "userProject", "upload_id", "ifGenerationMatch",
}  # fmt: skip
# 2.202.0's document lost it from 161 methods (2.150.0 has it; the prose still recommends it)
GAPS = {"compute.v1": {"returnPartialSuccess"}}
INTEGERS = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}
FORMATS = {
    "google-datetime": (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", "RFC 3339 timestamp"),
    "google-duration": (r"-?\d+(\.\d{1,9})?s", 'duration like "3600s"'),
    "byte": (r"[A-Za-z0-9+/_-]*={0,2}", "base64"),
}


def default_documents():
    found = importlib.util.find_spec("googleapiclient")
    return os.path.join(os.path.dirname(found.origin), "discovery_cache", "documents")


def path_pattern(path, parameters):
    """URI template -> regex; a parameter's own 'pattern' is honoured, so /v1/{+parent}/customJobs is strict."""
    out = ""
    for literal, variable in re.findall(r"([^{]+)|\{(\+?[^}]+)\}", path):
        if literal:
            out += re.escape(literal)
            continue
        own = parameters.get(variable.lstrip("+"), {}).get("pattern", "").strip("^$")
        any_text = ".+" if variable[0] == "+" else "[^/]+"
        out += "(" + (re.sub(r"\((?!\?)", "(?:", own) if own else any_text) + ")"
    if out.endswith("[^/]+)"):
        out = out[: -len("[^/]+)")] + "[^/:]+)"  # a trailing :verb is never part of the last name
    return re.compile("^" + out + "$")


class Method:
    def __init__(self, api, document, method):
        self.api, self.document, self.method = api, document, method
        self.id, self.verb = method["id"], method["httpMethod"]
        base, parameters = "/" + document.get("servicePath", ""), method.get("parameters", {})
        self.patterns = [path_pattern(base + method["path"], parameters)]
        if "flatPath" in method and "+" not in method["path"]:
            self.patterns.append(path_pattern(base + method["flatPath"], parameters))
        uploads = method.get("mediaUpload", {}).get("protocols", {}).values()
        self.media = [path_pattern(upload["path"], parameters) for upload in uploads]


class Oracle:
    def __init__(self, folder, apis):
        self.methods, self.by_id, self.documents = [], {}, {}
        for api in apis:
            path = os.path.join(folder, api + ".json")
            if not os.path.exists(path):
                print("no discovery document for", api, file=sys.stderr)
                continue
            with open(path, encoding="utf-8") as file:
                self.documents[api] = json.load(file)
            self._walk(api, self.documents[api], self.documents[api])

    def _walk(self, api, document, resource):
        for method in resource.get("methods", {}).values():
            self.methods.append(Method(api, document, method))
            self.by_id[method["id"]] = self.methods[-1]
        for inner in resource.get("resources", {}).values():
            self._walk(api, document, inner)

    # -- bodies

    def body(self, document, schema, value, at, errors, warnings, method_id, response=False, patch=False):
        if "$ref" in schema:
            meant = document["schemas"][schema["$ref"]]
            kept = {key: item for key, item in schema.items() if key in ("readOnly", "description")}
            schema = {**meant, **kept}
            return self.body(document, schema, value, at, errors, warnings, method_id, response, patch)
        kind = schema.get("type")
        if value is None:
            if not response:
                warnings.append("%s: null" % at)
            return None
        if kind == "any":
            return None
        if kind == "object" or "properties" in schema:
            if schema.get("format", "") == "google-fieldmask" or not isinstance(value, dict):
                return errors.append("%s: expected object, got %s" % (at, type(value).__name__))
            self._object(document, schema, value, at, errors, warnings, method_id, response, patch)
        elif kind == "array":
            if not isinstance(value, list):
                return errors.append("%s: expected array, got %s" % (at, type(value).__name__))
            for number, item in enumerate(value):
                where = "%s[%d]" % (at, number)
                self.body(document, schema["items"], item, where, errors, warnings, method_id, response, patch)
        else:
            self.scalar(schema, value, at, errors, wire=False)
        return None

    def _object(self, document, schema, value, at, errors, warnings, method_id, response, patch):
        properties, extra = schema.get("properties", {}), schema.get("additionalProperties")
        for key, item in value.items():
            where = "%s.%s" % (at, key)
            if key in properties:
                if properties[key].get("readOnly") and not response:
                    warnings.append("%s: output-only field sent (Google ignores it)" % where)
                self.body(document, properties[key], item, where, errors, warnings, method_id, response, patch)
            elif extra is not None:
                self.body(document, extra, item, where, errors, warnings, method_id, response, patch)
            else:
                near = difflib.get_close_matches(key, properties, 1)
                hint = " (did you mean %s?)" % near[0] if near else ""
                text = "Invalid JSON payload received. Unknown name \"%s\" at '%s': Cannot find field.%s"
                errors.append(text % (key, at, hint))
        if response or patch:
            return
        for key, item in properties.items():
            in_words = item.get("description", "").startswith("Required.") and not item.get("readOnly")
            required = method_id in item.get("annotations", {}).get("required", []) or in_words
            if required and key not in value:
                errors.append("%s.%s: required field missing" % (at, key))

    def scalar(self, schema, value, at, errors, wire):
        kind, form = schema.get("type"), schema.get("format", "")

        def bad(what):
            errors.append("%s: expected %s, got %s" % (at, what, json.dumps(value)))

        if kind == "boolean":
            if not (isinstance(value, bool) or (wire and str(value).lower() in ("true", "false"))):
                bad("boolean")
        elif kind == "integer" or form in INTEGERS:
            if isinstance(value, bool) or not re.fullmatch(r"-?\d+", str(value)):
                return bad(form or "integer")
            low, high = INTEGERS.get(form, INTEGERS["int64"])
            if not low <= int(value) <= high:
                bad("%s in range" % form)
        elif kind == "number":
            try:
                float(value)
            except (TypeError, ValueError):
                return bad("number")
            if isinstance(value, bool):
                bad("number")
        elif kind == "string":
            if not isinstance(value, str):
                return bad("string")
            if "enum" in schema and value not in schema["enum"]:
                bad("one of " + "|".join(schema["enum"][:14]))
            if form in FORMATS and not re.fullmatch(FORMATS[form][0], value):
                bad(FORMATS[form][1])
            if "pattern" in schema and value and not re.search(schema["pattern"], value):
                bad("match of %s" % schema["pattern"])
        return None

    # -- requests

    def request(self, verb, raw, host, body, content_type, authorized=True):
        """(status, reasons, warnings, Method or None)."""
        split = urlsplit(raw)
        api, path = self._api(split.path, host)
        path = unquote(path.replace("%2F", "\0").replace("%2f", "\0"))  # keep encoded slashes inside one segment
        candidates = [method for method in self.methods if api in (None, method.api)]
        hits = [(m, pattern) for m in candidates for pattern in m.patterns + m.media if pattern.match(path)]
        if not hits:
            return 404, ["no method of %s has path %s" % (api or "any loaded API", path)], [], None
        right = [hit for hit in hits if hit[0].verb == verb]
        if not right:
            has = ", ".join(sorted({"%s (%s)" % (method.verb, method.id) for method, _ in hits}))
            return 405, ["%s not allowed on %s; Google has %s" % (verb, path, has)], [], None
        if not authorized:
            return 401, ["missing Authorization: Bearer"], [], right[0][0]
        best = None
        for method, pattern in right:
            errors, warnings = [], []
            self._query(method, split.query, errors)
            self._payload(method, pattern, body, content_type, errors, warnings)
            if best is None or len(errors) < len(best[1]):
                best = (400 if errors else 200, errors, warnings, method)
        return best

    def _api(self, path, host):
        """API choice, in order: path prefix /<api>.<version>/, Host header (us-central1-aiplatform.googleapis.com,
        compute.localhost:5200), else every loaded API whose path matches."""
        found = re.match(r"^/([a-z]+\.v\d\w*)(/.*)$", path)
        if found and found[1] in self.documents:
            return found[1], found[2]
        name = host.split(":")[0].split(".")[0]
        short = {api: api.split(".")[0] for api in self.documents}
        return next((api for api in short if name == short[api] or name.endswith("-" + short[api])), None), path

    def _query(self, method, text, errors):
        parameters = method.method.get("parameters", {})
        known = {key: item for key, item in parameters.items() if item.get("location") == "query"}
        seen = {}
        for key, value in parse_qsl(text, keep_blank_values=True):
            seen.setdefault(key, []).append(value)
            if key in known:
                self.scalar(known[key], value, "query " + key, errors, wire=True)
            elif key not in SYSTEM and key not in GAPS.get(method.api, ()):
                text = 'Invalid JSON payload received. Unknown name "%s": Cannot bind query parameter.'
                errors.append(text % key)
        for key, item in known.items():
            if item.get("required") and key not in seen:
                errors.append("query %s: required parameter missing" % key)
            if len(seen.get(key, [])) > 1 and not item.get("repeated"):
                errors.append("query %s: repeated but not a list" % key)

    def _payload(self, method, pattern, body, content_type, errors, warnings):
        wanted, media = method.method.get("request"), pattern in method.media
        if wanted and not media:
            if body and "json" not in (content_type or ""):
                errors.append("Content-Type %r: expected application/json" % content_type)
            try:
                value = json.loads(body or b"{}")
            except ValueError as error:
                errors.append("body is not JSON: %s" % error)
                return
            patch = method.verb == "PATCH"
            self.body(method.document, wanted, value, wanted["$ref"], errors, warnings, method.id, patch=patch)
        elif body and not media:
            errors.append("body sent to a method that takes none")

    # -- responses

    def response(self, method_id, value):
        method, errors = self.by_id[method_id], []
        wanted = method.method.get("response")
        if wanted:
            self.body(method.document, wanted, value, wanted["$ref"], errors, [], method_id, response=True)
        return errors

    def skeleton(self, method):
        name = method.method.get("response", {}).get("$ref", "")
        if name == "Operation" and "compute" in method.api:
            zone = "https://www.googleapis.com/compute/v1/projects/p/zones/us-central1-a"
            return {
                "kind": "compute#operation",
                "id": "1",
                "name": "operation-1",
                "operationType": method.id.split(".")[-1],
                "status": "DONE",
                "progress": 100,
                "selfLink": zone + "/operations/operation-1",
                "targetLink": zone + "/instances/v",
            }
        if "Operation" in name:
            return {"name": "projects/p/locations/l/operations/1", "done": True, "response": {}}
        kind = method.document["schemas"].get(name, {}).get("properties", {}).get("kind", {}).get("default")
        reply = {"kind": kind} if kind else {}
        if "AggregatedList" in name or method.id.endswith("aggregatedList"):
            link = "https://www.googleapis.com/compute/v1/projects/p/aggregated"
            reply.update(id="projects/p/aggregated", items={}, selfLink=link)
        return reply
