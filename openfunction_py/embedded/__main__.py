"""`python -m openfunction_py.embedded ROLE`: one process of a platform, whose home is in OFN_HOME."""

from __future__ import annotations

import asyncio
import gc
import os
import sys

from openfunction_py.lib import home as homes
from openfunction_py.lib import log


def main(arguments: list[str]) -> int:
    """Run the role named by the one argument; the exit code tells the supervisor whether it failed."""
    role = arguments[0] if arguments else ""
    home = homes.Home.default(os.environ)
    home.ensure()
    log.setup(role, home.logs / f"{role}.log")
    if role == "supervisor":
        return _supervise(home)
    from openfunction_py.embedded import roles  # noqa: PLC0415 - the supervisor stays small

    if role not in roles.ROLES:
        log.get("embedded").error("no such role", role=role, known=sorted(roles.ROLES))
        return 2
    import uvloop  # noqa: PLC0415

    gc.set_threshold(20_000, 20, 50)
    uvloop.run(roles.until_signal(roles.ROLES[role](home)))
    return 0


def _supervise(home: homes.Home) -> int:
    from openfunction_py.embedded import supervisor  # noqa: PLC0415

    return_code = 0
    try:
        asyncio.run(supervisor.run(home))
    except* supervisor.AlreadyRunningError as errors:
        log.get("supervisor").error(str(errors.exceptions[0]))
        return_code = 3
    except* OSError as errors:
        log.get("supervisor").error(
            "the data folder cannot be used", errors=[str(e) for e in errors.exceptions]
        )
        return_code = 4
    return return_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
