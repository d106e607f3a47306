"""Create, list, describe, delete for SageMaker kinds that moto lacks."""

from ..models import AwsError, output_shape
from .registry import on


def _store(kind, keys, listed, arn_kind):
    def key_of(params):
        return "/".join(str(params.get(key, "")) for key in keys)

    def shaped(operation, value, path):
        shape = output_shape("sagemaker", operation)
        for name in path:
            shape = shape.members[name].member
        return {name: item for name, item in value.items() if name in shape.members}

    @on("sagemaker", "Create" + kind)
    def create(call):
        memory, key, now = call.memory(kind), key_of(call.params), call.world.now()
        with call.world.lock:
            if key in memory:
                raise AwsError("ResourceInUse", "%s %s already exists" % (kind, key))
            arn = call.arn(arn_kind, key)
            memory[key] = {
                **call.params,
                kind + "Arn": arn,
                "CreationTime": now,
                "LastModifiedTime": now,
                "Status": "InService",
                kind + "Status": "InService",
                "EndpointArn": call.arn("endpoint", call.params.get("EndpointName", "x")),
            }
        return {kind + "Arn": arn}

    @on("sagemaker", "List%ss" % kind)
    def list_all(call):
        values = list(call.memory(kind).values())
        return {listed: [shaped("List%ss" % kind, value, [listed]) for value in values]}

    @on("sagemaker", "Describe" + kind)
    def describe(call):
        key = key_of(call.params)
        if key not in call.memory(kind):
            raise AwsError("ResourceNotFound", "%s %s does not exist" % (kind, key))
        return shaped("Describe" + kind, call.memory(kind)[key], [])

    @on("sagemaker", "Delete" + kind)
    def delete(call):
        key = key_of(call.params)
        if call.memory(kind).pop(key, None) is None:
            raise AwsError("ResourceNotFound", "%s %s does not exist" % (kind, key))
        return {}


_store("App", ["DomainId", "UserProfileName", "SpaceName", "AppType", "AppName"], "Apps", "app")
_store("UserProfile", ["DomainId", "UserProfileName"], "UserProfiles", "user-profile")
_store("Space", ["DomainId", "SpaceName"], "Spaces", "space")
_store("InferenceComponent", ["InferenceComponentName"], "InferenceComponents", "inference-component")
