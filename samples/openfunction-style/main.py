"""A function of OpenFunction's context: it answers callers, and events of the function's inputs where it has any."""

from functions_framework import UserContext


def greet(context: UserContext):
    """Greet whoever called, or tell how much a binding or a topic delivered."""
    request = context.get_http_request()
    if request is None:
        return {"delivered": len(context.data)}
    return f"Hello, {request.args.get('name') or context.data.decode() or 'World'}!\n"
