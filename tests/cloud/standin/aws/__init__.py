"""The AWS side: a proxy before moto that checks every request against botocore's service models."""
