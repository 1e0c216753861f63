"""Events of a bus to the subscribers of its triggers: filters, conditions, deliveries, settlement.

One process per bus; several share the work through the bus's durable group and the state's compare-and-set.
"""
