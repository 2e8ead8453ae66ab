"""Prints the host that botocore asks for the bucket `bucket`: REGION [fips] [dualstack] [accelerate]. 3: no botocore."""

import sys

try:
    import botocore.session
    from botocore.config import Config
except ImportError:
    sys.exit(3)


class Stop(Exception):
    pass


def main(region, *switches):
    session = botocore.session.Session()
    session.set_credentials("id", "secret")
    s3 = {"us_east_1_regional_endpoint": "regional"}
    if "accelerate" in switches:
        s3["use_accelerate_endpoint"] = True
    config = Config(
        s3=s3, use_fips_endpoint="fips" in switches, use_dualstack_endpoint="dualstack" in switches
    )
    seen = []

    def sent(request, **_):
        seen.append(request.url.split("/")[2])
        raise Stop

    try:
        client = session.create_client("s3", region_name=region, config=config)
        client.meta.events.register("before-send.s3", sent)
        client.list_objects_v2(Bucket="bucket")
    except Exception as error:
        if not seen:
            seen.append(f"refused: {error}")
    print(seen[0])


main(*sys.argv[1:])
