"""Prints the operations of S3 as botocore's model has them, one a line:

    NAME METHOD URI PARAMETERS HEADERS

PARAMETERS and HEADERS are lists with commas, in lower case for headers, and `-` for none. Parameters are those of the query beside
what the URI has; one that the model requires ends in `!`.

    python3 tools/interop/scripts/s3_operations.py > crates/cloud/cloud/fixtures/s3-operations.txt
"""

import botocore
import botocore.loaders


def line(name, operation, shapes):
    http = operation["http"]
    shape = shapes.get(operation.get("input", {}).get("shape"), {"members": {}})
    required = shape.get("required", [])
    parameters, headers = [], []
    for member, place in shape["members"].items():
        where, called = place.get("location"), place.get("locationName", "")
        if where == "querystring":
            parameters.append(called + ("!" if member in required else ""))
        elif where in ("header", "headers"):
            headers.append(called.lower())
    lists = [",".join(sorted(names)) or "-" for names in (parameters, headers)]
    return " ".join([name, http["method"], http["requestUri"], *lists])


def main():
    model = botocore.loaders.Loader().load_service_model("s3", "service-2")
    print(f"# The operations of S3 in the model of botocore {botocore.__version__} (service-2.json of s3, 2006-03-01).")
    print("# Made by tools/interop/scripts/s3_operations.py: NAME METHOD URI PARAMETERS HEADERS")
    for name, operation in sorted(model["operations"].items()):
        print(line(name, operation, model["shapes"]))


main()
