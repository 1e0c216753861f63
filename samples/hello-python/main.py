"""The smallest function: a request in, a value out."""


def hello(request):
    """Greet the caller by the name in the query, or the world."""
    return {"message": f"Hello, {request.args.get('name', 'World')}!"}
