"""minio-py against a cloud: Signature Version 4, uploads of unknown length in parts, copies.

Usage: minio_client.py s3|wrong-secret
The environment names the cloud: HOST, PORT, ACCESS_KEY, SECRET_KEY.
Ends with 0 when everything was as it should be; an exception says what was not.
"""

import io
import os
import sys
import urllib.request

from minio import Minio
from minio.commonconfig import CopySource
from minio.deleteobjects import DeleteObject
from minio.error import S3Error

MIB = 1 << 20


def client(secret=os.environ["SECRET_KEY"]):
    endpoint = f"{os.environ['HOST']}:{os.environ['PORT']}"
    return Minio(endpoint, access_key=os.environ["ACCESS_KEY"], secret_key=secret, secure=False)


def read(answer):
    with answer:
        return answer.read()


def s3():
    minio, bucket = client(), "minio-bucket"
    minio.make_bucket(bucket)
    assert minio.bucket_exists(bucket)
    names = ["a key/with a space", "plain", "plus+and%percent"]
    for name in names:
        minio.put_object(bucket, name, io.BytesIO(b"0123456789"), 10, metadata={"colour": "green"})
    for name in names:
        assert read(minio.get_object(bucket, name)) == b"0123456789", f"{name} came back different"
        assert minio.stat_object(bucket, name).metadata["x-amz-meta-colour"] == "green"
    assert read(minio.get_object(bucket, "plain", offset=2, length=3)) == b"234"

    large = os.urandom(12 * MIB)
    minio.put_object(bucket, "large", io.BytesIO(large), -1, part_size=5 * MIB)
    assert read(minio.get_object(bucket, "large")) == large, "the large object came back different"
    minio.copy_object(bucket, "copy", CopySource(bucket, "plain"))
    with urllib.request.urlopen(minio.presigned_get_object(bucket, "copy")) as answer:
        assert answer.read() == b"0123456789", "another object by a signed address"

    listed = sorted(entry.object_name for entry in minio.list_objects(bucket, recursive=True))
    assert listed == sorted([*names, "copy", "large"]), f"listed {listed}"
    errors = list(minio.remove_objects(bucket, [DeleteObject(name) for name in listed]))
    assert not errors, f"not deleted: {errors}"
    minio.remove_bucket(bucket)
    assert not minio.bucket_exists(bucket), "a deleted bucket is still there"


def wrong_secret():
    try:
        client("wrong").list_buckets()
    except S3Error as refusal:
        assert refusal.code == "SignatureDoesNotMatch", f"refused for another reason: {refusal}"
    else:
        raise AssertionError("a wrong secret was accepted")


if __name__ == "__main__":
    {"s3": s3, "wrong-secret": wrong_secret}[sys.argv[1]]()
