"""Limits that hold: whatever a tenant does, the others keep what they had, and the records, admission and the kernel agree."""
import limits_carving
import limits_churn
import limits_isolation
import limits_repair


def run(l0, checks):
    limits_isolation.run(l0, checks)
    limits_repair.run(l0, checks)
    limits_carving.run(l0, checks)
    limits_churn.run(l0, checks)
