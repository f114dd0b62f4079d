"""What boto3 makes of a store's finer points: what only this client sends, and how it reads the answers.

Usage: boto3_manners.py listings|signed|refusals
The environment names the cloud: HOST, PORT, ACCESS_KEY, SECRET_KEY.
Ends with 0 when everything was as it should be; an exception says what was not.
"""

import os
import sys
import urllib.error
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ROOT = f"http://{os.environ['HOST']}:{os.environ['PORT']}"


def client(signature="s3v4"):
    return boto3.client(
        "s3",
        endpoint_url=ROOT,
        region_name="us-east-1",
        aws_access_key_id=os.environ["ACCESS_KEY"],
        aws_secret_access_key=os.environ["SECRET_KEY"],
        config=Config(signature_version=signature, retries={"total_max_attempts": 1}),
    )


def equal(found, expected):
    assert found == expected, f"{found!r} and not {expected!r}"


def refusal(call, **arguments):
    try:
        call(**arguments)
    except ClientError as refusal:
        answer = refusal.response
        return answer["ResponseMetadata"]["HTTPStatusCode"], answer
    raise AssertionError(f"it was not refused: {arguments}")


def empty(s3, bucket):
    for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        s3.delete_object(Bucket=bucket, Key=entry["Key"])
    s3.delete_bucket(Bucket=bucket)


def listings():
    s3, bucket = client(), "boto3-listings"
    s3.create_bucket(Bucket=bucket)
    for key in ["foo", "bar", "baz", "quxx", "a/b c+d"]:
        s3.put_object(Bucket=bucket, Key=key)
    first = s3.list_objects_v2(Bucket=bucket, MaxKeys=2, FetchOwner=True)
    equal([entry["Key"] for entry in first["Contents"]], ["a/b c+d", "bar"])
    assert first["Contents"][0]["Owner"]["ID"], "no owner"
    token = first["NextContinuationToken"]
    rest = s3.list_objects_v2(Bucket=bucket, ContinuationToken=token, StartAfter="a")
    equal([entry["Key"] for entry in rest["Contents"]], ["baz", "foo", "quxx"])
    equal((rest["ContinuationToken"], rest["StartAfter"]), (token, "a"))
    for text in ["\n", "%", " ", "a/b "]:
        for listing in [s3.list_objects, s3.list_objects_v2]:
            equal(listing(Bucket=bucket, Prefix=text)["Prefix"], text)
            equal(listing(Bucket=bucket, Delimiter=text)["Delimiter"], text)
        equal(s3.list_objects(Bucket=bucket, Marker=text)["Marker"], text)
        equal(s3.list_objects_v2(Bucket=bucket, StartAfter=text)["StartAfter"], text)
    none = s3.list_objects_v2(Bucket=bucket, MaxKeys=0)
    equal((none["IsTruncated"], "Contents" in none), (False, False))
    folded = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    equal((folded["CommonPrefixes"], folded["KeyCount"]), ([{"Prefix": "a/"}], 5))
    empty(s3, bucket)


def signed():
    for signature in ["s3v4", "s3"]:
        s3, bucket = client(signature), "boto3-signed"
        s3.create_bucket(Bucket=bucket)
        where = {"Bucket": bucket, "Key": "foo"}
        put = s3.generate_presigned_url("put_object", Params={**where, "ACL": "private"})
        request = urllib.request.Request(put, b"text", {"x-amz-acl": "private", "Content-Type": ""}, method="PUT")
        urllib.request.urlopen(request).close()
        get = s3.generate_presigned_url("get_object", Params=where)
        with urllib.request.urlopen(get) as answer:
            equal(answer.read(), b"text")
        rules = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["example"]}]}
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration=rules)
        headers = {"Origin": "example", "Access-Control-Request-Method": "GET"}
        ask = urllib.request.Request(get, headers=headers, method="OPTIONS")
        with urllib.request.urlopen(ask) as answer:
            equal(answer.headers["Access-Control-Allow-Origin"], "example")
        try:
            urllib.request.urlopen(urllib.request.Request(get, method="OPTIONS"))
        except urllib.error.HTTPError as refused:
            equal(refused.code, 400)
        else:
            raise AssertionError("a question without an origin was answered")
        empty(s3, bucket)


def refusals():
    s3, bucket = client(), "boto3-refusals"
    s3.create_bucket(Bucket=bucket)
    # The body is announced and waited for; the connection is good for the next request.
    equal(refusal(s3.put_object, Bucket="boto3-none", Key="k", Body=b"text")[0], 404)
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"text")["ETag"]
    status, answer = refusal(s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag)
    equal((status, answer["ResponseMetadata"]["HTTPHeaders"]["etag"]), (304, etag))
    equal(s3.get_object(Bucket=bucket, Key="k", IfNoneMatch="other")["Body"].read(), b"text")
    equal(refusal(s3.get_object, Bucket=bucket, Key="k", IfMatch="other")[0], 412)
    equal(refusal(s3.get_object, Bucket=bucket, Key="k", PartNumber=2)[1]["Error"]["Code"], "InvalidPart")
    source = {"Bucket": bucket, "Key": "k"}
    equal(refusal(s3.copy_object, Bucket=bucket, Key="c", CopySource=source, CopySourceIfNoneMatch=etag)[0], 412)
    status, answer = refusal(s3.get_object, Bucket=bucket, Key="none")
    equal((status, answer["Error"]["Code"]), (404, "NoSuchKey"))
    equal(refusal(s3.list_objects, Bucket=bucket, ExpectedBucketOwner="222222222222")[0], 403)
    equal(refusal(s3.create_bucket, Bucket=bucket, ACL="public-read")[1]["Error"]["Code"], "BucketAlreadyExists")
    empty(s3, bucket)


if __name__ == "__main__":
    {"listings": listings, "signed": signed, "refusals": refusals}[sys.argv[1]]()
