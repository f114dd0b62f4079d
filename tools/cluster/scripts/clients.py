"""Clients of a cloud: boto3, without retries, so that every error is seen.

    clients.py load SECONDS CLIENTS JOURNAL   puts, overwrites, deletes and uploads in parts, and registers images
    clients.py check JOURNAL ENDPOINT...      compares everything that was acknowledged with what each endpoint gives
    clients.py ask ENDPOINT...                prints what each endpoint answers to PUT, GET, HEAD and DescribeImages
    clients.py create BUCKET                  makes a bucket at any store
    clients.py list BUCKET                    prints the names of all its objects

The environment has ENDPOINT, ACCESS_KEY and SECRET_KEY; for `load` also BUNDLE, a directory, and MANIFEST, the name of a file in it.
The last line is JSON. `check` ends with 1 when anything is lost.

The journal has for each key what its object may be by the answers: one body when the last change was acknowledged; several, when an answer
did not come. A body is written as its seed, which it can be made from; `null` is no object.
"""

import hashlib
import itertools
import json
import os
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

BUCKET = "cluster"
PART = 64 << 10
LENGTHS = [4096, 1, 20_000, 4096, 300_000, 0, 4096, 65_536]


def client(service, path, endpoint):
    return boto3.client(
        service,
        endpoint_url=endpoint + path,
        region_name="us-east-1",
        aws_access_key_id=os.environ["ACCESS_KEY"],
        aws_secret_access_key=os.environ["SECRET_KEY"],
        config=Config(
            signature_version="s3v4" if service == "s3" else "v4",
            retries={"total_max_attempts": 1},
            max_pool_connections=64,
            connect_timeout=10,
            read_timeout=60,
            s3={"addressing_style": "path"},
        ),
    )


def s3_client(endpoint):
    return client("s3", "/services/objectstorage", endpoint)


def ec2_client(endpoint):
    return client("ec2", "/services/compute", endpoint)


def body(seed):
    """The bytes that a seed stands for: `TEXT:LENGTH`."""
    return hashlib.shake_128(seed.encode()).digest(int(seed.rsplit(":", 1)[1]))


class Load:
    """What the clients do, and what was answered."""

    def __init__(self, end, bundle):
        self.end, self.bundle = end, bundle
        # Tasks may follow each other on one cloud.
        self.run = os.urandom(4).hex()
        self.s3, self.ec2 = s3_client(os.environ["ENDPOINT"]), ec2_client(os.environ["ENDPOINT"])
        self.lock = threading.Lock()
        self.objects, self.images, self.counts, self.errors = {}, [], Counter(), []

    def attempt(self, kind, call):
        """The answer of a call; `None` when there is none. A refusal is a fault: every request is a good one."""
        try:
            answer = call()
        except ClientError as error:
            about = error.response["ResponseMetadata"]
            status = about["HTTPStatusCode"]
            if status < 500:
                raise AssertionError(f"{kind} was refused: {error}: {about}") from error
            problem = f"{kind}: {status}"
        except (BotoCoreError, HTTPClientError) as error:
            problem = f"{kind}: {type(error).__name__}"
        else:
            with self.lock:
                self.counts[kind] += 1
            return answer
        with self.lock:
            self.errors.append(f"{time.strftime('%H:%M:%S')} {problem}")
        return None

    def keep(self, key, may):
        with self.lock:
            self.objects[key] = may

    def put(self, number):
        for count in itertools.count():
            if time.monotonic() >= self.end:
                return
            key = f"{self.run}/put/{number}/{count}"
            seed = f"{key}:{LENGTHS[count % len(LENGTHS)]}"
            if self.attempt("put", lambda: self.s3.put_object(Bucket=BUCKET, Key=key, Body=body(seed))):
                self.keep(key, [seed])

    def overwrite(self, number):
        """One key again and again: another body, or none."""
        key, may = f"{self.run}/overwrite/{number}", [None]
        for count in itertools.count():
            if time.monotonic() >= self.end:
                self.keep(key, may)
                return
            if count % 7 == 6:
                seed, kind = None, "delete"
                done = self.attempt(kind, lambda: self.s3.delete_object(Bucket=BUCKET, Key=key))
            else:
                seed, kind = f"{key}/{count}:{LENGTHS[count % len(LENGTHS)]}", "overwrite"
                done = self.attempt(kind, lambda: self.s3.put_object(Bucket=BUCKET, Key=key, Body=body(seed)))
            may = [seed] if done else may + [seed]

    def parts(self, number):
        for count in itertools.count():
            if time.monotonic() >= self.end:
                return
            key = f"{self.run}/parts/{number}/{count}"
            seed = f"{key}:{2 * PART + 5000}"
            whole, place = body(seed), {"Bucket": BUCKET, "Key": key}
            upload = self.attempt("upload", lambda: self.s3.create_multipart_upload(**place))
            if not upload:
                continue
            place["UploadId"], sent = upload["UploadId"], []
            for part in range(1, 4):
                piece = whole[(part - 1) * PART : part * PART]
                answer = self.attempt("part", lambda: self.s3.upload_part(**place, PartNumber=part, Body=piece))
                if not answer:
                    break
                sent.append({"PartNumber": part, "ETag": answer["ETag"]})
            if len(sent) < 3:
                continue
            parts = {"Parts": sent}
            if self.attempt("complete", lambda: self.s3.complete_multipart_upload(**place, MultipartUpload=parts)):
                self.keep(key, [seed])

    def put_bundled(self, key, name):
        """Puts a file of the bundle, so that the cloud may read it."""
        return self.s3.put_object(Bucket=BUCKET, Key=key, Body=self.bundle[name], ACL="aws-exec-read")

    def register(self, number):
        """Bundles under names of their own, parts first, and an image of each."""
        manifest = os.environ["MANIFEST"]
        names = sorted(name for name in self.bundle if name != manifest) + [manifest]
        for count in itertools.count():
            if time.monotonic() >= self.end:
                return
            folder = f"{self.run}/images/{number}/{count}"
            if not all(self.attempt("bundle", lambda: self.put_bundled(f"{folder}/{name}", name)) for name in names):
                continue
            location, name = f"{BUCKET}/{folder}/{manifest}", f"image-{self.run}-{number}-{count}"
            answer = self.attempt("register", lambda: self.ec2.register_image(Name=name, ImageLocation=location))
            if answer:
                with self.lock:
                    self.images.append({"id": answer["ImageId"], "name": name, "location": location})


def load(seconds, clients, journal):
    folder = os.environ["BUNDLE"]
    bundle = {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            bundle[name] = file.read()
    run = Load(time.monotonic() + float(seconds), bundle)
    run.s3.create_bucket(Bucket=BUCKET)
    kinds = [run.put, run.put, run.put, run.overwrite, run.parts, run.register]
    with ThreadPoolExecutor(int(clients)) as pool:
        running = [pool.submit(kinds[number % len(kinds)], number) for number in range(int(clients))]
    for client in running:
        client.result()
    with open(journal, "w") as file:
        json.dump({"objects": run.objects, "images": run.images}, file)
    counts = {"acknowledged": dict(run.counts), "errors": len(run.errors)}
    for problem, count in Counter(error.split(" ", 1)[1] for error in run.errors).items():
        print(f"    error seen by a client, {count} times: {problem}")
    print(json.dumps(counts))


def object_is_whole(s3, key, may):
    try:
        found = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            return f"{key}: {error}"
        return None if None in may else f"{key}: it is not there"
    if any(seed is not None and found == body(seed) for seed in may):
        return None
    return f"{key}: {len(found)} other bytes"


def image_is_there(ec2, image):
    (found,) = ec2.describe_images(ImageIds=[image["id"]])["Images"]
    is_it = (found["State"], found["Name"], found["ImageLocation"]) == ("available", image["name"], image["location"])
    return None if is_it else f"{image['id']}: {found}"


def check(journal, *endpoints):
    with open(journal) as file:
        known = json.load(file)
    lost = 0
    for endpoint in endpoints:
        s3, ec2 = s3_client(endpoint), ec2_client(endpoint)
        with ThreadPoolExecutor(16) as pool:
            tests = [pool.submit(object_is_whole, s3, key, may) for key, may in known["objects"].items()]
            tests += [pool.submit(image_is_there, ec2, image) for image in known["images"]]
        for test in tests:
            problem = test.result()
            if problem:
                lost += 1
                print(f"    LOST at {endpoint}: {problem}")
    print(json.dumps({"objects": len(known["objects"]), "images": len(known["images"]), "lost": lost}))
    sys.exit(1 if lost else 0)


def ask(*endpoints):
    """Many requests at once, as each may have to wait for something that does not answer; the PUTs first, so that there is something to get."""
    place = {"Bucket": BUCKET, "Key": "asked"}

    def one(call):
        start = time.monotonic()
        try:
            about = call()["ResponseMetadata"]
        except ClientError as refusal:
            about = refusal.response["ResponseMetadata"]
        return {
            "status": about["HTTPStatusCode"],
            "retry_after": about["HTTPHeaders"].get("retry-after"),
            "seconds": time.monotonic() - start,
        }

    def several(calls):
        with ThreadPoolExecutor(16) as pool:
            return list(pool.map(one, calls))

    clients = [(s3_client(endpoint), ec2_client(endpoint)) for endpoint in endpoints]
    put = several([lambda s3=s3: s3.put_object(**place, Body=bytes(4096)) for s3, _ in clients])
    get = several([lambda s3=s3: s3.get_object(**place) for s3, _ in clients])
    head = several([lambda s3=s3: s3.head_object(**place) for s3, _ in clients])
    images = several([lambda ec2=ec2: ec2.describe_images(Owners=["self"]) for _, ec2 in clients])
    print(json.dumps([put, get, head, images]))


def create(bucket):
    client("s3", "", os.environ["ENDPOINT"]).create_bucket(Bucket=bucket)
    print(json.dumps({"created": bucket}))


def listing(bucket):
    pages = client("s3", "", os.environ["ENDPOINT"]).get_paginator("list_objects_v2").paginate(Bucket=bucket)
    print(json.dumps([entry["Key"] for page in pages for entry in page.get("Contents", [])]))


if __name__ == "__main__":
    {"load": load, "check": check, "ask": ask, "create": create, "list": listing}[sys.argv[1]](*sys.argv[2:])
