"""The picker with an account connected: prices, quotas, spot prices and machine types over real HTTP from moto's EC2 and
the seeded price list and quotas, as `curfew prices refresh` reads them."""

import json

from test_curfew import pytestmark  # noqa: F401 (skips without CURFEW_BIN)
from test_curfew import curfew  # noqa: F401 (a fixture)


def product(service, family, usd, **attributes):
    dimension = {"unit": "Hrs", "pricePerUnit": {"USD": usd}, "beginRange": "0", "endRange": "Inf"}
    return {
        "serviceCode": service,
        "publicationDate": "2026-11-01T00:00:00Z",
        "product": {"productFamily": family, "sku": usd, "attributes": {"regionCode": "us-east-1", **attributes}},
        "terms": {"OnDemand": {"o": {"sku": usd, "offerTermCode": "T", "priceDimensions": {"d": dimension}}}},
    }


LINUX = {"operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used"}
PRICES = [
    product("AmazonEC2", "Compute Instance", "1.2345", instanceType="g5.xlarge", vcpu="4", memory="16 GiB", **LINUX),
    product("AmazonEC2", "Compute Instance", "0", instanceType="g5.2xlarge", **LINUX),
    product("AmazonSageMaker", "ML Instance", "1.5432", instanceName="ml.g5.xlarge", component="Training"),
]


def quota(service, code, name, value):
    return {"ServiceCode": service, "QuotaCode": code, "QuotaName": name, "Value": value}


def test_an_account_tells_prices_and_limits(cloud, curfew):  # noqa: F811
    ec2 = [quota("ec2", "L-DB2E81BA", "Running On-Demand G and VT instances", 8)]
    ml = [quota("sagemaker", "L-1", "ml.g5.xlarge for training job usage", 0)]
    cloud.control("data", {"pricing.get_products": PRICES, "quotas": {"ec2": ec2, "sagemaker": ml}})
    try:
        before = curfew.json("machines", "show", "aws:ec2:us-east-1:g5.xlarge")
        assert before["offer"]["usd_per_hour"] == 1.006, "as built in"
        # moto's spot prices are of 2006 and next to nothing: kept out, and said; the rest is taken.
        _, told = curfew.run("prices", "refresh", "--feed", "account", code=4)
        assert "spot us-east-1 could not be read" in told and "g5.2xlarge" in told, told
        after = curfew.json("machines", "show", "aws:ec2:us-east-1:g5.xlarge")
        assert after["offer"]["usd_per_hour"] == 1.2345 and "AmazonEC2" in after["offer"]["source"]
        assert after["offer"]["as_of"] == "2026-11-01"
        assert after["explained"]["reasons"] == [], "eight vCPU are enough"
        assert "has a price of 0" in json.dumps(curfew.json("prices", "status"))
        trains = curfew.json("machines", "show", "aws:sagemaker:us-east-1:ml.g5.xlarge:training")
        assert trains["offer"]["usd_per_hour"] == 1.5432
        assert [reason["code"] for reason in trains["explained"]["reasons"]] == ["quota"]
        asked = curfew.json("machines", "ask", "aws:sagemaker:us-east-1:ml.g5.xlarge:training")
        assert (asked["state"], asked["before"]) == ("pending", False), asked
        again = curfew.json("machines", "ask", "aws:sagemaker:us-east-1:ml.g5.xlarge:training")
        assert again["before"] and again["id"] == asked["id"], "one request, not two"
        # A region that is read offers what EC2 says: a machine with a price and without an offer is barred.
        offered = {t["InstanceType"] for t in cloud.ec2.describe_instance_type_offerings()["InstanceTypeOfferings"]}
        rows = curfew.json("machines", "--all", "1 gpu us-east-1 ec2")
        known = [row["machine"] for row in rows if row["purchase"] == "on-demand"]
        assert "g5.xlarge" in offered and "g5.xlarge" in known
    finally:
        cloud.control("data", {"pricing.get_products": [], "quotas": {}})
