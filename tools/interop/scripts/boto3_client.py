"""boto3 against a cloud: objects, large ones too, addresses that are signed in advance, and images.

Usage: boto3_client.py s3|ec2|key-pairs|groups|instances|run|wrong-secret
The environment names the cloud: HOST, PORT, ACCESS_KEY, SECRET_KEY, LOCATION (a manifest to register;
for `run` the id of a machine image).
Ends with 0 when everything was as it should be; an exception says what was not.
"""

import base64
import hashlib
import io
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

MIB = 1 << 20
ROOT = f"http://{os.environ['HOST']}:{os.environ['PORT']}"


def client(service, path, secret, signature="v4"):
    return boto3.client(
        service,
        endpoint_url=ROOT + path,
        region_name="us-east-1",
        aws_access_key_id=os.environ["ACCESS_KEY"],
        aws_secret_access_key=secret,
        config=Config(signature_version=signature, retries={"total_max_attempts": 1}),
    )


def s3_client(secret=os.environ["SECRET_KEY"], signature="s3v4"):
    return client("s3", "/services/objectstorage", secret, signature)


def ec2_client(secret=os.environ["SECRET_KEY"]):
    return client("ec2", "/services/compute", secret)


def refused(call, statuses):
    try:
        call()
    except ClientError as refusal:
        status = refusal.response["ResponseMetadata"]["HTTPStatusCode"]
        assert status in statuses, f"refused with {status}: {refusal}"
    else:
        raise AssertionError("it was not refused")


def s3():
    s3 = s3_client()
    bucket = "boto3-bucket"
    s3.create_bucket(Bucket=bucket)
    keys = ["a key/with a space", "plain", "plus+and%percent"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), ACL="aws-exec-read", Metadata={"colour": "green"})
    for key in keys:
        answer = s3.get_object(Bucket=bucket, Key=key)
        assert answer["Body"].read() == key.encode(), f"{key} came back different"
        assert answer["Metadata"] == {"colour": "green"}, answer["Metadata"]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2})
    listed = [entry["Key"] for page in pages for entry in page["Contents"]]
    assert listed == keys, f"listed {listed}"

    large = os.urandom(12 * MIB)
    parts = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    s3.upload_fileobj(io.BytesIO(large), bucket, "large", Config=parts)
    back = io.BytesIO()
    s3.download_fileobj(bucket, "large", back, Config=parts)
    assert back.getvalue() == large, "the large object came back different"
    head = s3.head_object(Bucket=bucket, Key="large", PartNumber=3)
    assert (head["PartsCount"], head["ContentLength"]) == (3, 2 * MIB), head
    keys.append("large")
    pieces = [large[at : at + 5 * MIB] for at in range(0, len(large), 5 * MIB)]
    digest = hashlib.sha256(b"".join(hashlib.sha256(piece).digest() for piece in pieces)).digest()
    of_parts = f"{base64.b64encode(digest).decode()}-{len(pieces)}"
    of_whole = base64.b64encode(zlib.crc32(large).to_bytes(4, "big")).decode()
    for asked, name, kind, value in [
        ({"ChecksumAlgorithm": "SHA256"}, "ChecksumSHA256", "COMPOSITE", of_parts),
        ({"ChecksumCRC32": of_whole}, "ChecksumCRC32", "FULL_OBJECT", of_whole),
    ]:
        s3.upload_fileobj(io.BytesIO(large), bucket, "large", Config=parts, ExtraArgs=asked)
        head = s3.head_object(Bucket=bucket, Key="large", ChecksumMode="ENABLED")
        assert (head[name], head["ChecksumType"]) == (value, kind), head

    for signature in ["s3v4", "s3"]:
        signer = s3_client(signature=signature)
        address = signer.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "plain"})
        with urllib.request.urlopen(address) as answer:
            assert answer.read() == b"plain", f"another object by {signature}"

    doomed = {"Objects": [{"Key": key} for key in keys]}
    deleted = s3.delete_objects(Bucket=bucket, Delete=doomed)
    assert len(deleted["Deleted"]) == len(keys), deleted
    refused(lambda: s3.head_object(Bucket=bucket, Key="plain"), [404])
    s3.delete_bucket(Bucket=bucket)


def ec2():
    ec2, location = ec2_client(), os.environ["LOCATION"]
    image = ec2.register_image(Name="boto3-image", ImageLocation=location)["ImageId"]
    wanted = [{"Name": "manifest-location", "Values": [location]}, {"Name": "name", "Values": ["boto3-*"]}]
    (described,) = ec2.describe_images(Owners=["self"], Filters=wanted)["Images"]
    assert (described["ImageId"], described["State"]) == (image, "available"), described
    grant = {"Add": [{"Group": "all"}]}
    ec2.modify_image_attribute(ImageId=image, LaunchPermission=grant)
    attribute = ec2.describe_image_attribute(ImageId=image, Attribute="launchPermission")
    assert attribute["LaunchPermissions"] == [{"Group": "all"}], attribute
    # The first call retires the image, the second forgets it.
    for _ in range(2):
        ec2.deregister_image(ImageId=image)
    refused(lambda: ec2.describe_images(ImageIds=[image]), [400])


def key_pairs():
    ec2 = ec2_client()
    with tempfile.TemporaryDirectory() as folder:
        for kind in ["rsa", "ed25519"]:
            made = ec2.create_key_pair(KeyName=f"boto3-{kind}", KeyType=kind)
            path = os.path.join(folder, kind)
            with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
                file.write(made["KeyMaterial"])
            public = ssh_keygen("-y", "-f", path).split()[:2]
            wanted = [{"Name": "key-name", "Values": [f"*-{kind}"]}]
            (shown,) = ec2.describe_key_pairs(Filters=wanted, IncludePublicKey=True)["KeyPairs"]
            assert shown["PublicKey"].split()[:2] == public, shown
            assert (shown["KeyPairId"], shown["KeyType"]) == (made["KeyPairId"], kind), shown
            assert shown["KeyFingerprint"] == made["KeyFingerprint"], shown
            der = subprocess.run(
                ["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", path, "-outform", "DER"], capture_output=True
            ).stdout
            if kind == "rsa":
                assert made["KeyFingerprint"] == colons(hashlib.sha1(der)), made["KeyFingerprint"]
            else:
                listed = ssh_keygen("-l", "-f", path).split()[1]
                assert listed == "SHA256:" + made["KeyFingerprint"].rstrip("="), listed
        ssh_keygen("-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", os.path.join(folder, "mine"))
        with open(os.path.join(folder, "mine.pub"), "rb") as file:
            imported = ec2.import_key_pair(KeyName="boto3-mine", PublicKeyMaterial=file.read())
        listed = ssh_keygen("-e", "-m", "PKCS8", "-f", os.path.join(folder, "mine.pub"))
        body = base64.b64decode("".join(listed.splitlines()[1:-1]))
        assert imported["KeyFingerprint"] == colons(hashlib.md5(body)), imported
    refused(lambda: ec2.create_key_pair(KeyName="boto3-mine"), [400])
    refused(lambda: ec2.import_key_pair(KeyName="boto3-bad", PublicKeyMaterial=b"ssh-rsa AAAA"), [400])
    for name in ["boto3-rsa", "boto3-ed25519", "boto3-mine", "boto3-mine"]:
        ec2.delete_key_pair(KeyName=name)
    refused(lambda: ec2.describe_key_pairs(KeyNames=["boto3-mine"]), [400])


def groups():
    ec2 = ec2_client()
    made = ec2.create_security_group(GroupName="boto3-group", Description="a group")["GroupId"]
    rules = [
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 23, "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "ssh"}]},
        {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "UserIdGroupPairs": [{"GroupName": "default"}]},
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "192.168.0.0/16"}]},
    ]
    ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=rules)
    refused(lambda: ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=rules[:1]), [400])
    ec2.authorize_security_group_ingress(GroupName="boto3-group", IpProtocol="udp", FromPort=53, ToPort=53, CidrIp="0.0.0.0/0")
    wanted = [{"Name": "group-name", "Values": ["boto3-*"]}]
    (shown,) = ec2.describe_security_groups(Filters=wanted)["SecurityGroups"]
    assert (shown["GroupId"], shown["Description"]) == (made, "a group"), shown
    found = {rule["IpProtocol"]: rule for rule in shown["IpPermissions"]}
    assert sorted(found) == ["-1", "icmp", "tcp", "udp"], found
    assert found["tcp"]["IpRanges"] == rules[0]["IpRanges"], found
    assert (found["tcp"]["FromPort"], found["tcp"]["ToPort"]) == (22, 23), found
    assert found["icmp"]["UserIdGroupPairs"][0]["GroupName"] == "default", found
    ec2.revoke_security_group_ingress(GroupId=made, IpPermissions=rules)
    (shown,) = ec2.describe_security_groups(GroupIds=[made])["SecurityGroups"]
    assert [rule["IpProtocol"] for rule in shown["IpPermissions"]] == ["udp"], shown
    names = [
        group["GroupName"]
        for page in ec2.get_paginator("describe_security_groups").paginate(PaginationConfig={"PageSize": 5})
        for group in page["SecurityGroups"]
    ]
    assert sorted(names) == ["boto3-group", "default"], names
    ec2.delete_security_group(GroupId=made)
    refused(lambda: ec2.delete_security_group(GroupName="boto3-group"), [400])
    refused(lambda: ec2.delete_security_group(GroupName="default"), [400])


def instances():
    ec2, location = ec2_client(), os.environ["LOCATION"]
    kernel = ec2.register_image(Name="boto3-kernel", ImageLocation=location)["ImageId"]
    assert ec2.describe_instances()["Reservations"] == []
    running = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    pages = ec2.get_paginator("describe_instances").paginate(Filters=running, PaginationConfig={"PageSize": 5})
    assert [page["Reservations"] for page in pages] == [[]]
    assert ec2.describe_instance_status(IncludeAllInstances=True)["InstanceStatuses"] == []
    one = {"MinCount": 1, "MaxCount": 1}
    nobody = ["i-00000000"]
    for call, code in [
        (lambda: ec2.run_instances(ImageId="emi-00000000", **one), "InvalidAMIID.NotFound"),
        (lambda: ec2.run_instances(ImageId=kernel, **one), "InvalidAMIID.NotFound"),
        (lambda: ec2.run_instances(ImageId=kernel, DryRun=True, **one), "InvalidAMIID.NotFound"),
        (lambda: ec2.run_instances(ImageId=kernel, MinCount=2, MaxCount=1), "InvalidParameterValue"),
        (lambda: ec2.run_instances(ImageId=kernel, SubnetId="subnet-0", **one), "UnsupportedOperation"),
        (lambda: ec2.run_instances(ImageId=kernel, UserData="A" * 17000, **one), "InvalidParameterValue"),
        (lambda: ec2.run_instances(ImageId=kernel, InstanceType="m9.huge", **one), "InvalidParameterValue"),
        (lambda: ec2.terminate_instances(InstanceIds=nobody), "InvalidInstanceID.NotFound"),
        (lambda: ec2.terminate_instances(InstanceIds=["i-1"]), "InvalidInstanceID.Malformed"),
        (lambda: ec2.reboot_instances(InstanceIds=nobody, DryRun=True), "InvalidInstanceID.NotFound"),
        (lambda: ec2.get_console_output(InstanceId=nobody[0]), "InvalidInstanceID.NotFound"),
        (lambda: ec2.create_tags(Resources=nobody, Tags=[{"Key": "k", "Value": "v"}]), "InvalidInstanceID.NotFound"),
    ]:
        try:
            call()
        except ClientError as refusal:
            assert refusal.response["Error"]["Code"] == code, f"{code}: {refusal}"
        else:
            raise AssertionError(f"it was not refused with {code}")
    for _ in range(2):
        ec2.deregister_image(ImageId=kernel)


def run():
    ec2, image = ec2_client(), os.environ["LOCATION"]
    ec2.create_key_pair(KeyName="boto3-run")
    tags = [{"Key": "Name", "Value": "boto3"}]
    asked = {
        "ImageId": image,
        "MinCount": 1,
        "MaxCount": 2,
        "KeyName": "boto3-run",
        "UserData": "#!/bin/sh",
        "ClientToken": "boto3",
        "TagSpecifications": [{"ResourceType": "instance", "Tags": tags}],
    }
    launched = ec2.run_instances(**asked)
    ids = [instance["InstanceId"] for instance in launched["Instances"]]
    again = [instance["InstanceId"] for instance in ec2.run_instances(**asked)["Instances"]]
    assert len(ids) == 2 and again == ids, f"{ids} became {again}"
    soon = {"Delay": 1, "MaxAttempts": 240}
    ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig=soon)
    (reservation,) = ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": ["boto3"]}])["Reservations"]
    for number, instance in enumerate(reservation["Instances"]):
        assert (instance["AmiLaunchIndex"], instance["KeyName"], instance["Tags"]) == (number, "boto3-run", tags)
        assert instance["PublicIpAddress"].startswith("127.31."), instance["PublicIpAddress"]
    statuses = ec2.describe_instance_status(InstanceIds=ids)["InstanceStatuses"]
    assert [status["InstanceStatus"]["Status"] for status in statuses] == ["ok", "ok"], statuses
    data = ec2.describe_instance_attribute(InstanceId=ids[0], Attribute="userData")["UserData"]["Value"]
    assert base64.b64decode(data) == b"#!/bin/sh", data
    until(lambda: "Linux" in ec2.get_console_output(InstanceId=ids[0]).get("Output", ""))
    ec2.reboot_instances(InstanceIds=ids[:1])
    refused(lambda: ec2.stop_instances(InstanceIds=ids), [400])
    protect = {"InstanceId": ids[1], "DisableApiTermination": {"Value": True}}
    ec2.modify_instance_attribute(**protect)
    refused(lambda: ec2.terminate_instances(InstanceIds=ids), [400])
    ec2.modify_instance_attribute(InstanceId=ids[1], DisableApiTermination={"Value": False})
    ended = ec2.terminate_instances(InstanceIds=ids)["TerminatingInstances"]
    assert [instance["CurrentState"]["Name"] for instance in ended] == ["shutting-down"] * 2, ended
    ec2.get_waiter("instance_terminated").wait(InstanceIds=ids, WaiterConfig=soon)


def until(holds):
    for _ in range(240):
        if holds():
            return
        time.sleep(1)
    raise AssertionError("it did not happen in time")


def colons(digest):
    return digest.digest().hex(":")


def ssh_keygen(*arguments):
    return subprocess.run(["ssh-keygen", *arguments], check=True, capture_output=True, text=True).stdout


def wrong_secret():
    refused(lambda: s3_client("wrong").list_buckets(), [403])
    refused(lambda: ec2_client("wrong").describe_images(), [401, 403])


if __name__ == "__main__":
    {
        "s3": s3,
        "ec2": ec2,
        "key-pairs": key_pairs,
        "groups": groups,
        "instances": instances,
        "run": run,
        "wrong-secret": wrong_secret,
    }[sys.argv[1]]()
