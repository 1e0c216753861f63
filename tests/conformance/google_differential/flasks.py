# mypy: ignore-errors
"""Functions written for Flask, as both frameworks serve them."""

import flask
from flask import abort, current_app, g, jsonify, make_response, redirect, request

import functions_framework


def told(given):
    same = given is flask.request._get_current_object()
    return jsonify(same=same, path=request.path, rule=str(request.url_rule), args=request.view_args)


def aborts(given):
    abort(int(given.args["status"]))


def redirects(given):
    return redirect("/there", 307)


def responds(given):
    made = make_response(jsonify(a=1), 203)
    made.headers["X-One"] = "1"
    made.set_cookie("c", "v")
    return made


def context(given):
    g.word = "kept"
    return f"{g.word} {current_app.config['DEBUG']} {flask.has_request_context()}"


def streams(given):
    return flask.Response((f"{number}\n" for number in range(3)), mimetype="text/csv")


def none(given):
    return None


def url(given):
    return flask.url_for("run", path="x")


@functions_framework.cloud_event
def event(cloud_event):
    flask.abort(409)
