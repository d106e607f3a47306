"""Where the handlers register themselves, and what several of them need."""

import datetime as dt

OVERLAY = {}


def on(service, *operations):
    def register(handler):
        for operation in operations:
            OVERLAY[service, operation] = handler
        return handler

    return register


def seconds(value):
    """A timestamp as moto or a client may give it, in seconds since 1970."""
    if isinstance(value, str):
        return dt.datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp() if "T" in value else float(value)
    return float(value)


def listing(call, items, status, listed, name, default=10):
    """One page, filtered and sorted as SageMaker's List… do: newest first, ten at a time."""
    params = call.params
    if params.get("NameContains"):
        items = [item for item in items if params["NameContains"].lower() in item[name].lower()]
    if params.get("StatusEquals"):
        items = [item for item in items if item[status] == params["StatusEquals"]]
    for field, member in (("CreationTime", "CreationTime"), ("LastModifiedTime", "LastModifiedTime")):
        if params.get(field + "After") is not None:
            items = [item for item in items if item[member] > seconds(params[field + "After"])]
        if params.get(field + "Before") is not None:
            items = [item for item in items if item[member] < seconds(params[field + "Before"])]
    order = {"Name": name, "Status": status}.get(params.get("SortBy"), "CreationTime")
    descending = params.get("SortOrder", "Ascending" if params.get("SortBy") == "Name" else "Descending")
    items = sorted(items, key=lambda item: (item[order], item[name]), reverse=descending == "Descending")
    return page(call, items, listed, default)


def page(call, items, listed, default=100):
    start, size = int(call.params.get("NextToken") or 0), call.params.get("MaxResults") or default
    answer = {listed: items[start : start + size]}
    if len(items) > start + size:
        answer["NextToken"] = str(start + size)
    return answer


def all_pages(call, operation, listed, params=None):
    """Every item that moto lists, whatever the caller's own page."""
    items, token = [], None
    while True:
        more = {"NextToken": token} if token else {}
        answer = call.call(operation, {**(params or {}), **more})
        items += answer.get(listed, [])
        token = answer.get("NextToken")
        if not token:
            return items
