# mypy: ignore-errors
"""Runs in the published framework's environment: answers the cases of standard input, one application per function."""

import contextlib
import json
import os
import sys

import functions_framework


def ask(case):
    # The published framework keeps what it was told last in the environment.
    for name in ("FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE"):
        os.environ.pop(name, None)
    application = functions_framework.create_app(case["target"], case["source"], case["signature"])
    client = application.test_client(use_cookies=False)  # else it replaces a case's own
    answer = client.open(
        case["path"],
        method=case["method"],
        headers=case["headers"],
        data=case["body"].encode("latin-1"),
        base_url="http://test",
        environ_overrides={"REMOTE_ADDR": "127.0.0.1"},
    )
    return {
        "status": answer.status_code,
        "headers": list(answer.headers),
        "body": answer.get_data().decode("latin-1"),
    }


with contextlib.redirect_stdout(sys.stderr):
    answers = [ask(case) for case in json.load(sys.stdin)]
print(json.dumps(answers))
