"""Large answers in gzip for clients that ask for it, by kube-apiserver's rule; watches and logs never.

Its rule is plain: the word `gzip` among the encodings, without a weight, and a body above 128 KiB.
"""

from __future__ import annotations

import asyncio
import gzip

from starlette.requests import Request
from starlette.responses import Response

THRESHOLD = 128 * 1024
LEVEL = 1


async def fitted(request: Request, answer: Response) -> Response:
    """The answer, compressed in a thread where that is asked for and worth it."""
    if len(answer.body) <= THRESHOLD or not asked(request.headers.get("accept-encoding", "")):
        return answer
    answer.body = await asyncio.to_thread(gzip.compress, answer.body, LEVEL, mtime=0)
    answer.headers["content-encoding"] = "gzip"
    answer.headers["content-length"] = str(len(answer.body))
    answer.headers.add_vary_header("Accept-Encoding")
    return answer


def asked(accepted: str) -> bool:
    """Whether a client takes gzip."""
    return any(one.strip() == "gzip" for one in accepted.split(","))
