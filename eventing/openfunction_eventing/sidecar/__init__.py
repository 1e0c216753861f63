"""The Dapr API beside one app: what it asks is done by drivers, and what they find is brought to it.

docs/dapr.md lists the calls that are answered, and how.
"""
