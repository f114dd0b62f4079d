"""Signs requests of one object each, so that the benchmark itself only has to send them.

Usage: sign.py METHOD URL COUNT SHA256 LENGTH
The environment has ACCESS_KEY and SECRET_KEY. URL is that of a bucket; its objects are called 00000 and so on. SHA256 and
LENGTH are those of every body. Prints the head of each request, ended by an empty line. A signature is good for fifteen minutes.
"""

import os
import sys
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def head(method, url, sha256, length, signer):
    request = AWSRequest(method, url, headers={"x-amz-content-sha256": sha256})
    signer.add_auth(request)
    lines = [f"{method} {urlsplit(url).path} HTTP/1.1", f"Host: {urlsplit(url).netloc}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    if method == "PUT":
        lines.append(f"Content-Length: {length}")
    return "\r\n".join(lines) + "\r\n\r\n"


def main(method, url, count, sha256, length):
    keys = Credentials(os.environ["ACCESS_KEY"], os.environ["SECRET_KEY"])
    signer = SigV4Auth(keys, "s3", "us-east-1")
    for number in range(int(count)):
        sys.stdout.write(head(method, f"{url}/{number:05}", sha256, length, signer))


if __name__ == "__main__":
    sys.stdout.reconfigure(newline="")
    main(*sys.argv[1:])
