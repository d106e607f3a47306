"""Notebooks: Pending, InService or Failed, Stopping, Stopped, Deleting, gone."""

from botocore.exceptions import ClientError
from conftest import refused, until


def make(cloud, name):
    cloud.sagemaker.create_notebook_instance(
        NotebookInstanceName=name, InstanceType="ml.g5.xlarge", RoleArn=cloud.role()
    )


def status(cloud, name):
    try:
        return cloud.sagemaker.describe_notebook_instance(NotebookInstanceName=name)["NotebookInstanceStatus"]
    except ClientError as error:
        return error.response["Error"]["Message"]


def test_a_life(cloud):
    name, sagemaker = cloud.name("notebook"), cloud.sagemaker
    make(cloud, name)
    assert status(cloud, name) == "Pending"
    assert "duplicate" in refused(make, cloud=cloud, name=name)[1]
    assert until(lambda: status(cloud, name), lambda s: s != "Pending") == "InService"
    found = sagemaker.list_notebook_instances(NameContains=name)["NotebookInstances"]
    assert [(item["InstanceType"], item["NotebookInstanceStatus"]) for item in found] == [("ml.g5.xlarge", "InService")]
    url = sagemaker.create_presigned_notebook_instance_url(NotebookInstanceName=name)["AuthorizedUrl"]
    assert url.startswith("https://%s.notebook" % name) and "authToken=" in url
    code, text = refused(sagemaker.delete_notebook_instance, NotebookInstanceName=name)
    assert code == "ValidationException" and "Status (InService) not in ([Stopped, Failed])" in text
    sagemaker.stop_notebook_instance(NotebookInstanceName=name)
    assert status(cloud, name) == "Stopping"
    assert until(lambda: status(cloud, name), lambda s: s != "Stopping") == "Stopped"
    sagemaker.delete_notebook_instance(NotebookInstanceName=name)
    assert status(cloud, name) == "Deleting"
    assert until(lambda: status(cloud, name), lambda s: s != "Deleting") == "RecordNotFound"
    assert sagemaker.list_notebook_instances(NameContains=name)["NotebookInstances"] == []
    make(cloud, name)


def test_one_that_fails(cloud):
    cloud.control("clock", {"fail_notebook": {"sick-*": "No capacity."}})
    name = cloud.name("sick")
    make(cloud, name)
    until(lambda: status(cloud, name), lambda s: s == "Failed")
    cloud.control("clock", {"fail_notebook": {}})
    failed = cloud.sagemaker.describe_notebook_instance(NotebookInstanceName=name)
    assert failed["FailureReason"] == "No capacity."
