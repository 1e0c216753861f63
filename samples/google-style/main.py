"""A function as it is written for Google's framework: Flask's request, and every way to answer that Flask has."""

import flask

import functions_framework


@functions_framework.http
def greet(request):
    """Greet by the name in a JSON body or in the query; browsers of other sites may ask."""
    if request.method == "OPTIONS":
        return "", 204, {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET, POST"}
    body = request.get_json(silent=True) or {}
    name = body.get("name") or request.args.get("name", "World")
    if len(name) > 20:
        flask.abort(400, "a name has 20 letters at most")
    answer = flask.jsonify(message=f"Hello, {name}!")
    answer.headers["Access-Control-Allow-Origin"] = "*"
    return answer
