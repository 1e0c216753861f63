"""Google's contract for concurrency: ten requests run at the same time, whatever the signature.

The original measures that ten take less than twice the time of one. Here each of the ten waits for all the
others, which needs no clock: a framework that runs fewer at once never answers.
"""
