"""Things that go wrong on demand: each with a name, words for people, and an end.

    fault.py      what a fault is; Faults keeps which are on, and ends them in time
    catalogue.py  every fault there is, by what it does to the parts of a LocalCloud
    admin.py      the same by HTTP, for the demo window and for scripts

The parts themselves read small records of switches (turn/faults.py, relay_faults.py,
control_faults.py) at every packet or request, so that a switch works at once, either way. The
demo's own camera and devices use a key of their own, which faults of the control plane pass over:
a throttled or expired user is shown, not a broken stage.
"""

from peerdeck.localcloud.faults.catalogue import catalogue
from peerdeck.localcloud.faults.fault import Fault, Faults, FaultState, UnknownFaultError

__all__ = ["Fault", "FaultState", "Faults", "UnknownFaultError", "catalogue"]
