"""libcloud's Eucalyptus driver against a cloud: EC2 by GET, signed with version 2.

Usage: libcloud_client.py ec2|wrong-secret
The environment names the cloud: HOST, PORT, ACCESS_KEY, SECRET_KEY, LOCATION (a manifest to register).
Ends with 0 when everything was as it should be; an exception says what was not.
"""

import os
import sys

from libcloud.common.types import InvalidCredsError
from libcloud.compute.providers import get_driver
from libcloud.compute.types import Provider


def driver(path, secret=os.environ["SECRET_KEY"]):
    made = get_driver(Provider.EUCALYPTUS)(
        os.environ["ACCESS_KEY"],
        secret,
        secure=False,
        host=os.environ["HOST"],
        port=int(os.environ["PORT"]),
        path=path,
    )
    assert made.signature_version == "2", f"signs with version {made.signature_version}"
    return made


def ec2():
    location = os.environ["LOCATION"]
    for path in ["/services/Eucalyptus", "/"]:
        cloud = driver(path)
        image = cloud.ex_register_image("libcloud-image", image_location=location)
        (listed,) = cloud.list_images(ex_image_ids=[image.id], ex_owner="self")
        found = (listed.id, listed.extra["image_location"], listed.extra["state"])
        assert found == (image.id, location, "available"), f"listed {found}"
        # The first call retires the image, the second forgets it.
        assert cloud.delete_image(listed) and cloud.delete_image(listed)
        left = [image.id for image in cloud.list_images(ex_owner="self")]
        assert image.id not in left, "a deregistered image is still there"


def wrong_secret():
    try:
        driver("/", "wrong").list_images()
    except InvalidCredsError:
        return
    except Exception as refusal:
        assert "SignatureDoesNotMatch" in str(refusal), f"refused for another reason: {refusal}"
    else:
        raise AssertionError("a wrong secret was accepted")


if __name__ == "__main__":
    {"ec2": ec2, "wrong-secret": wrong_secret}[sys.argv[1]]()
