"""boto 2.49 against a cloud: an S3 client that signs with version 2, and an EC2 client.

Usage: boto_client.py s3|ec2|run|wrong-secret
The environment names the cloud: HOST, PORT, ACCESS_KEY, SECRET_KEY, LOCATION (a manifest to register; for `run` the id of
a machine image).
Ends with 0 when everything was as it should be; an exception says what was not.
"""

import os
import sys
import time

import boto
from boto.exception import EC2ResponseError, S3ResponseError
from boto.s3.connection import OrdinaryCallingFormat, S3Connection

HOST = os.environ["HOST"]
PORT = int(os.environ["PORT"])
ACCESS_KEY = os.environ["ACCESS_KEY"]
SECRET_KEY = os.environ["SECRET_KEY"]


def s3_connection(secret):
    connection = S3Connection(
        ACCESS_KEY,
        secret,
        is_secure=False,
        host=HOST,
        port=PORT,
        path="/services/Walrus",
        calling_format=OrdinaryCallingFormat(),
    )
    handler = type(connection._auth_handler).__name__
    assert handler.startswith("HmacAuthV1"), f"{handler} is no signer of version 2"
    return connection


def ec2_connection(secret):
    return boto.connect_euca(HOST, ACCESS_KEY, secret, port=PORT, is_secure=False)


def s3():
    connection = s3_connection(SECRET_KEY)
    bucket = connection.create_bucket("boto-bucket")
    content = os.urandom(300_000)
    names = ["a key/with a space", "plain", "plus+and%percent"]
    for name in names:
        # Not in boto's own list of ACLs, so it goes as a header.
        headers = {"x-amz-acl": "aws-exec-read"}
        bucket.new_key(name).set_contents_from_string(content, headers=headers)
    for name in names:
        found = bucket.get_key(name, validate=True).get_contents_as_string()
        assert found == content, f"{name} came back different"
    listed = sorted(key.name for key in bucket.list())
    assert listed == names, f"listed {listed}"
    listed = [key.name for key in bucket.list(prefix="plain")]
    assert listed == ["plain"], f"listed {listed}"
    for name in names:
        bucket.delete_key(name)
    assert bucket.get_key("plain") is None, "a deleted key is still there"
    connection.delete_bucket("boto-bucket")
    assert connection.lookup("boto-bucket") is None, "a deleted bucket is still there"


def ec2():
    connection = ec2_connection(SECRET_KEY)
    location = os.environ["LOCATION"]
    image_id = connection.register_image(name="boto-image", image_location=location)
    (image,) = connection.get_all_images(image_ids=[image_id])
    assert image.id == image_id and image.state == "available", f"{image.id} is {image.state}"
    assert image.location == location, f"its location is {image.location}"
    assert image_id in [image.id for image in connection.get_all_images(owners=["self"])]
    # The first call retires the image, the second forgets it.
    assert connection.deregister_image(image_id)
    assert connection.deregister_image(image_id)
    assert image_id not in [image.id for image in connection.get_all_images()]


def run():
    connection, image = ec2_connection(SECRET_KEY), os.environ["LOCATION"]
    reservation = connection.run_instances(image, user_data="hello", security_groups=["default"])
    (instance,) = reservation.instances
    assert (instance.state, instance.image_id) == ("pending", image), f"{instance.state} {instance.image_id}"
    until(instance, "running")
    assert instance.ip_address.startswith("127.31."), instance.ip_address
    assert connection.reboot_instances([instance.id])
    assert connection.get_console_output(instance.id).instance_id == instance.id
    connection.terminate_instances([instance.id])
    until(instance, "terminated")


def until(instance, state):
    for _ in range(240):
        if instance.update() == state:
            return
        time.sleep(1)
    raise AssertionError(f"{instance.id} is {instance.state} and not {state}")


def wrong_secret():
    for attempt, error in [
        (lambda: s3_connection("wrong").get_all_buckets(), S3ResponseError),
        (lambda: ec2_connection("wrong").get_all_images(), EC2ResponseError),
    ]:
        try:
            attempt()
        except error as refusal:
            assert refusal.status in (401, 403), f"refused with {refusal.status}"
        else:
            raise AssertionError("a wrong secret was accepted")


if __name__ == "__main__":
    {"s3": s3, "ec2": ec2, "run": run, "wrong-secret": wrong_secret}[sys.argv[1]]()
