#!/usr/bin/env python3
"""Drives a Pub/Sub service with Google's own Python client over REST, and by raw HTTP, and holds it against the documentation.

usage: pubsub.py sargam|emulator FOLDER [PART OF A CHECK'S NAME...]

Starts the service in FOLDER and ends it. $SARGAM names the program, $PUBSUB_EMULATOR_JAR the emulator. harness.py says how the
checks are written.
"""
import os
import sys

import harness
import admin  # noqa: F401: each registers its checks
import admin_update  # noqa: F401
import delivery  # noqa: F401
import limits  # noqa: F401
import push  # noqa: F401
import replay  # noqa: F401
import wire  # noqa: F401


def main(args):
    if len(args) < 2 or args[0] not in ("sargam", "emulator"):
        print(__doc__.strip())
        return 2
    os.environ.pop("PUBSUB_EMULATOR_HOST", None)  # the client would turn to gRPC
    return harness.run(args[0], args[1], args[2:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
