"""An export in an object store. The server is named by PYTHON_PACKAGE_S3: endpoint, key, secret and bucket."""

import os
import uuid

import pytest

import lakexpress

SERVER = os.environ.get("PYTHON_PACKAGE_S3", "")


@pytest.mark.skipif(not SERVER, reason="PYTHON_PACKAGE_S3 names no server; `make test` starts one")
def test_a_lake_in_s3_is_opened(shop, monkeypatch):
    from pyarrow import fs

    endpoint, key, secret, bucket = SERVER.split()
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
    }.items():
        monkeypatch.setenv(name, value)
    url = f"s3://{bucket}/python-{uuid.uuid4()}"
    run = lakexpress.export(source=shop.url, output_dir=url, sub_path="a b=c%")
    assert run.location == f"{url}/a b=c%"
    filesystem = fs.S3FileSystem(access_key=key, secret_key=secret, endpoint_override=endpoint, region="us-east-1")
    for opened in (
        lakexpress.open(url, filesystem=filesystem),
        lakexpress.open(f"{url}?endpoint_override={endpoint.split('//')[1]}&scheme=http&region=us-east-1"),
    ):
        orders = opened.table("main.orders")
        assert len(opened) == 3 and orders.files == [f"{url}/a b=c%/main/orders/part-00000.parquet"]
        assert orders.arrow().column("note").to_pylist() == ["a", None, "ü"] and orders.schema.names[0] == "id"
        assert orders.dataset().count_rows() == 3
    options = {
        "aws_endpoint_url": endpoint,
        "aws_allow_http": "true",
        "aws_access_key_id": key,
        "aws_secret_access_key": secret,
        "aws_region": "us-east-1",
    }
    read = lakexpress.open(url, filesystem=filesystem).table("orders").polars(storage_options=options).collect()
    assert read["id"].to_list() == [1, 2, 3]
    with pytest.raises(KeyError, match="did you mean"):
        opened.table("main.order")
