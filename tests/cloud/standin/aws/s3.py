"""S3's operation names. Its requests are judged by moto alone, but faults and the log want to tell them apart."""

from .models import model


def s3_operation(headers, method, path, query):
    """For example CompleteMultipartUpload; "S3:PUT" where the model has nothing that fits. Path style only."""
    _, _, rest = path.lstrip("/").partition("/")
    bucket, key = path.strip("/") != "", rest != ""
    best, best_score = "S3:" + method, -1
    for name in model("s3").operation_names:
        operation = model("s3").operation_model(name)
        uri, _, literals = operation.http["requestUri"].partition("?")
        if operation.http["method"] != method or ("{Key" in uri) != key or ("{Bucket}" in uri) != bucket:
            continue
        score = _score(operation, literals, headers, query)
        if score > best_score:
            best, best_score = name, score
    return best


def _score(operation, literals, headers, query):
    """How many of the marks that this operation must have are there; -1 where one is missing."""
    wanted = [literal.partition("=") for literal in literals.split("&") if literal]
    if any(name not in query or (value and query[name] != value) for name, _, value in wanted):
        return -1
    score = 2 * len(wanted)
    shape = operation.input_shape
    for name in shape.required_members if shape else []:
        member = shape.members[name]
        wire = member.serialization.get("name", name)
        location = member.serialization.get("location")
        if location == "querystring":
            if wire not in query:
                return -1
            score += 2
        elif location == "header":
            if headers.get(wire) is None:
                return -1
            score += 1
    return score
