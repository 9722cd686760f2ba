"""Ring 0: from a Keras graph to arrays. The only code that knows Keras internals."""

from tswidgets.probe.observation import Observation
from tswidgets.probe.probe import Probe, as_probe, reads_integers
from tswidgets.probe.taps import Tap
from tswidgets.probe.timeline import Timeline

__all__ = ["Observation", "Probe", "Tap", "Timeline", "as_probe", "reads_integers"]
