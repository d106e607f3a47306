"""Botocore's service models, the judge of every request, and the error that AWS would answer with."""

import sys
import threading

import botocore.session
from botocore.model import ServiceModel

LOADER = botocore.session.get_session().get_component("data_loader")
SERVICES = (
    "sagemaker sagemaker-runtime sagemaker-metrics ec2 s3 cloudwatch logs pricing ce service-quotas scheduler sts iam "
    "resourcegroupstaggingapi kinesis glue redshift rds dynamodb datapipeline batch stepfunctions emr elbv2 elb ecr "
    "budgets cloudtrail application-autoscaling compute-optimizer cost-optimization-hub savingsplans organizations "
    "sso-oidc sso"
).split()

_models = {}
_lock = threading.RLock()


def model(service):
    with _lock:
        if service not in _models:
            _models[service] = ServiceModel(LOADER.load_service_model(service, "service-2"), service)
        return _models[service]


def _metadata():
    found = {}
    for service in SERVICES:
        try:
            found[service] = LOADER.load_service_model(service, "service-2")["metadata"]
        except Exception:  # an older botocore knows fewer services; requests to them are then refused
            print("botocore has no", service, file=sys.stderr)
    return found


META = _metadata()


def output_shape(service, operation):
    return model(service).operation_model(operation).output_shape


class AwsError(Exception):
    """`extra` holds members of the error's shape beside code and message, such as OriginalStatusCode."""

    def __init__(self, code, message, status=400, extra=None):
        super().__init__(code, message)
        self.code, self.message, self.status, self.extra = code, message, status, extra or {}
