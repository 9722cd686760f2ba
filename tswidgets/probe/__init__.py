"""Ring 0: from a Keras graph to arrays. The only code that knows Keras internals."""

from tswidgets.probe.inputs import Input, declared_inputs, takes_dict
from tswidgets.probe.observation import Gradient, Observation
from tswidgets.probe.probe import Probe
from tswidgets.probe.registry import as_probe
from tswidgets.probe.taps import Tap
from tswidgets.probe.timeline import Timeline

__all__ = ["Gradient", "Input", "Observation", "Probe", "Tap", "Timeline", "as_probe", "declared_inputs", "takes_dict"]
