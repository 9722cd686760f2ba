"""Look inside Keras models for time series, in a notebook.

    import tswidgets as tsw
    tsw.Explorer(model, X, y)

On screen             Explorer, WindowExplorer, LiveCallback, plot_history
Layers                activations, receptive_field; Probe observes, replaces and differentiates what layers return
Where it looks        grad_cam, integrated_gradients, occlusion and others; trust says whether to believe them
What excites it       maximize_activation
Worth of filters      ablate, ablate_pairs
By hand               layer_step, frequency_response
What is wrong         statistics
Recurrent, attention  recurrent_states, prediction_so_far, attention_scores
One long wave         sliding_windows, fold_windows, fold_activations
A label per step      time_axis, score_steps, time_influence
Data with models      datasets

What begins with iter_ does the same in pieces, to watch and to stop. Classes other than those on screen are what
functions return. Names are imported when they are first used, so that `import tswidgets` loads neither Keras nor
TensorFlow.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tswidgets import datasets as datasets
    from tswidgets.analysis.ablation import Ablation as Ablation
    from tswidgets.analysis.ablation import PairAblation as PairAblation
    from tswidgets.analysis.ablation import ablate as ablate
    from tswidgets.analysis.ablation import ablate_pairs as ablate_pairs
    from tswidgets.analysis.ablation import iter_ablate_pairs as iter_ablate_pairs
    from tswidgets.analysis.activations import Activations as Activations
    from tswidgets.analysis.activations import activations as activations
    from tswidgets.analysis.attribution import Attribution as Attribution
    from tswidgets.analysis.backprop import deep_lift as deep_lift
    from tswidgets.analysis.backprop import guided_backprop as guided_backprop
    from tswidgets.analysis.cam import class_activation_map as class_activation_map
    from tswidgets.analysis.cam import grad_cam as grad_cam
    from tswidgets.analysis.cam import grad_cam_plus_plus as grad_cam_plus_plus
    from tswidgets.analysis.cam import hires_cam as hires_cam
    from tswidgets.analysis.cam import layer_cam as layer_cam
    from tswidgets.analysis.cam import score_cam as score_cam
    from tswidgets.analysis.convolution_step import ConvolutionStep as ConvolutionStep
    from tswidgets.analysis.findings import Finding as Finding
    from tswidgets.analysis.frequency import FrequencyResponse as FrequencyResponse
    from tswidgets.analysis.frequency import frequency_response as frequency_response
    from tswidgets.analysis.gradients import expected_gradients as expected_gradients
    from tswidgets.analysis.gradients import gradient_x_input as gradient_x_input
    from tswidgets.analysis.gradients import integrated_gradients as integrated_gradients
    from tswidgets.analysis.gradients import saliency as saliency
    from tswidgets.analysis.gradients import smooth_grad as smooth_grad
    from tswidgets.analysis.influence import TimeInfluence as TimeInfluence
    from tswidgets.analysis.influence import time_influence as time_influence
    from tswidgets.analysis.layer_statistics import LayerStatistics as LayerStatistics
    from tswidgets.analysis.layer_statistics import WeightStatistics as WeightStatistics
    from tswidgets.analysis.layer_step import layer_step as layer_step
    from tswidgets.analysis.maximization import Maximization as Maximization
    from tswidgets.analysis.maximization import iter_maximize_activation as iter_maximize_activation
    from tswidgets.analysis.maximization import maximize_activation as maximize_activation
    from tswidgets.analysis.objective import NearestSample as NearestSample
    from tswidgets.analysis.occlusion import occlusion as occlusion
    from tswidgets.analysis.occlusion import rise as rise
    from tswidgets.analysis.pooling_step import PoolingStep as PoolingStep
    from tswidgets.analysis.receptive_field import ReceptiveField as ReceptiveField
    from tswidgets.analysis.receptive_field import receptive_field as receptive_field
    from tswidgets.analysis.recurrent_step import Gate as Gate
    from tswidgets.analysis.recurrent_step import RecurrentStep as RecurrentStep
    from tswidgets.analysis.so_far import PredictionSoFar as PredictionSoFar
    from tswidgets.analysis.so_far import prediction_so_far as prediction_so_far
    from tswidgets.analysis.statistics import Statistics as Statistics
    from tswidgets.analysis.statistics import iter_statistics as iter_statistics
    from tswidgets.analysis.statistics import statistics as statistics
    from tswidgets.analysis.steps import StepScores as StepScores
    from tswidgets.analysis.steps import score_steps as score_steps
    from tswidgets.analysis.timeaxis import LayerTime as LayerTime
    from tswidgets.analysis.timeaxis import TimeAxisReport as TimeAxisReport
    from tswidgets.analysis.timeaxis import time_axis as time_axis
    from tswidgets.analysis.training_record import TrainingRecord as TrainingRecord
    from tswidgets.analysis.trust import Trust as Trust
    from tswidgets.analysis.trust import iter_trust as iter_trust
    from tswidgets.analysis.trust import trust as trust
    from tswidgets.analysis.wave import FoldedActivations as FoldedActivations
    from tswidgets.analysis.wave import fold_activations as fold_activations
    from tswidgets.analysis.windows import fold_count as fold_count
    from tswidgets.analysis.windows import fold_windows as fold_windows
    from tswidgets.analysis.windows import sliding_windows as sliding_windows
    from tswidgets.probe import Gradient as Gradient
    from tswidgets.probe import Observation as Observation
    from tswidgets.probe import Probe as Probe
    from tswidgets.probe import Tap as Tap
    from tswidgets.probe import Timeline as Timeline
    from tswidgets.probe.attention import AttentionScores as AttentionScores
    from tswidgets.probe.attention import attention_scores as attention_scores
    from tswidgets.probe.recurrent import BidirectionalStates as BidirectionalStates
    from tswidgets.probe.recurrent import GRUStates as GRUStates
    from tswidgets.probe.recurrent import LSTMStates as LSTMStates
    from tswidgets.probe.recurrent import RecurrentStates as RecurrentStates
    from tswidgets.probe.recurrent import SimpleRNNStates as SimpleRNNStates
    from tswidgets.probe.recurrent import recurrent_states as recurrent_states
    from tswidgets.selection import Selection as Selection
    from tswidgets.widgets.explorer import Explorer as Explorer
    from tswidgets.widgets.history import plot_history as plot_history
    from tswidgets.widgets.live import LiveCallback as LiveCallback
    from tswidgets.widgets.window_explorer import WindowExplorer as WindowExplorer

__version__ = "0.1.0.dev0"

_HOME = {
    "Ablation": "tswidgets.analysis.ablation",
    "Activations": "tswidgets.analysis.activations",
    "AttentionScores": "tswidgets.probe.attention",
    "Attribution": "tswidgets.analysis.attribution",
    "BidirectionalStates": "tswidgets.probe.recurrent",
    "ConvolutionStep": "tswidgets.analysis.convolution_step",
    "Explorer": "tswidgets.widgets.explorer",
    "Finding": "tswidgets.analysis.findings",
    "FoldedActivations": "tswidgets.analysis.wave",
    "FrequencyResponse": "tswidgets.analysis.frequency",
    "GRUStates": "tswidgets.probe.recurrent",
    "Gate": "tswidgets.analysis.recurrent_step",
    "Gradient": "tswidgets.probe",
    "LSTMStates": "tswidgets.probe.recurrent",
    "LayerStatistics": "tswidgets.analysis.layer_statistics",
    "LayerTime": "tswidgets.analysis.timeaxis",
    "LiveCallback": "tswidgets.widgets.live",
    "Maximization": "tswidgets.analysis.maximization",
    "NearestSample": "tswidgets.analysis.objective",
    "Observation": "tswidgets.probe",
    "PairAblation": "tswidgets.analysis.ablation",
    "PoolingStep": "tswidgets.analysis.pooling_step",
    "PredictionSoFar": "tswidgets.analysis.so_far",
    "Probe": "tswidgets.probe",
    "ReceptiveField": "tswidgets.analysis.receptive_field",
    "RecurrentStates": "tswidgets.probe.recurrent",
    "RecurrentStep": "tswidgets.analysis.recurrent_step",
    "Selection": "tswidgets.selection",
    "SimpleRNNStates": "tswidgets.probe.recurrent",
    "Statistics": "tswidgets.analysis.statistics",
    "StepScores": "tswidgets.analysis.steps",
    "Tap": "tswidgets.probe",
    "TimeAxisReport": "tswidgets.analysis.timeaxis",
    "TimeInfluence": "tswidgets.analysis.influence",
    "Timeline": "tswidgets.probe",
    "TrainingRecord": "tswidgets.analysis.training_record",
    "Trust": "tswidgets.analysis.trust",
    "WeightStatistics": "tswidgets.analysis.layer_statistics",
    "WindowExplorer": "tswidgets.widgets.window_explorer",
    "ablate": "tswidgets.analysis.ablation",
    "ablate_pairs": "tswidgets.analysis.ablation",
    "activations": "tswidgets.analysis.activations",
    "attention_scores": "tswidgets.probe.attention",
    "class_activation_map": "tswidgets.analysis.cam",
    "deep_lift": "tswidgets.analysis.backprop",
    "expected_gradients": "tswidgets.analysis.gradients",
    "fold_activations": "tswidgets.analysis.wave",
    "fold_count": "tswidgets.analysis.windows",
    "fold_windows": "tswidgets.analysis.windows",
    "frequency_response": "tswidgets.analysis.frequency",
    "grad_cam": "tswidgets.analysis.cam",
    "grad_cam_plus_plus": "tswidgets.analysis.cam",
    "gradient_x_input": "tswidgets.analysis.gradients",
    "guided_backprop": "tswidgets.analysis.backprop",
    "hires_cam": "tswidgets.analysis.cam",
    "integrated_gradients": "tswidgets.analysis.gradients",
    "iter_ablate_pairs": "tswidgets.analysis.ablation",
    "iter_maximize_activation": "tswidgets.analysis.maximization",
    "iter_statistics": "tswidgets.analysis.statistics",
    "iter_trust": "tswidgets.analysis.trust",
    "layer_cam": "tswidgets.analysis.cam",
    "layer_step": "tswidgets.analysis.layer_step",
    "maximize_activation": "tswidgets.analysis.maximization",
    "occlusion": "tswidgets.analysis.occlusion",
    "plot_history": "tswidgets.widgets.history",
    "prediction_so_far": "tswidgets.analysis.so_far",
    "receptive_field": "tswidgets.analysis.receptive_field",
    "recurrent_states": "tswidgets.probe.recurrent",
    "rise": "tswidgets.analysis.occlusion",
    "saliency": "tswidgets.analysis.gradients",
    "score_cam": "tswidgets.analysis.cam",
    "score_steps": "tswidgets.analysis.steps",
    "sliding_windows": "tswidgets.analysis.windows",
    "smooth_grad": "tswidgets.analysis.gradients",
    "statistics": "tswidgets.analysis.statistics",
    "time_axis": "tswidgets.analysis.timeaxis",
    "time_influence": "tswidgets.analysis.influence",
    "trust": "tswidgets.analysis.trust",
}
__all__ = [*_HOME, "datasets"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
    elif name == "datasets":
        value = import_module("tswidgets.datasets")
    else:
        raise AttributeError(f"module 'tswidgets' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
