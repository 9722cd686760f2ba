"""The table of contents: explicit, complete, documented, and lazily imported."""

import inspect

import pytest

import tswidgets as tsw

PUBLIC = [
    "Ablation",
    "Activations",
    "AttentionScores",
    "Attribution",
    "BidirectionalStates",
    "ConvolutionStep",
    "Explorer",
    "Finding",
    "FoldedActivations",
    "FrequencyResponse",
    "GRUStates",
    "Gate",
    "Gradient",
    "LSTMStates",
    "LayerStatistics",
    "LayerTime",
    "LiveCallback",
    "Maximization",
    "NearestSample",
    "Observation",
    "PairAblation",
    "PoolingStep",
    "PredictionSoFar",
    "Probe",
    "ReceptiveField",
    "RecurrentStates",
    "RecurrentStep",
    "Selection",
    "SimpleRNNStates",
    "Statistics",
    "StepScores",
    "Tap",
    "TimeAxisReport",
    "TimeInfluence",
    "Timeline",
    "TrainingRecord",
    "Trust",
    "WeightStatistics",
    "WindowExplorer",
    "ablate",
    "ablate_pairs",
    "activations",
    "attention_scores",
    "class_activation_map",
    "datasets",
    "deep_lift",
    "expected_gradients",
    "fold_activations",
    "fold_count",
    "fold_windows",
    "frequency_response",
    "grad_cam",
    "grad_cam_plus_plus",
    "gradient_x_input",
    "guided_backprop",
    "hires_cam",
    "integrated_gradients",
    "iter_ablate_pairs",
    "iter_maximize_activation",
    "iter_statistics",
    "iter_trust",
    "layer_cam",
    "layer_step",
    "maximize_activation",
    "occlusion",
    "plot_history",
    "prediction_so_far",
    "receptive_field",
    "recurrent_states",
    "rise",
    "saliency",
    "score_cam",
    "score_steps",
    "sliding_windows",
    "smooth_grad",
    "statistics",
    "time_axis",
    "time_influence",
    "trust",
]


def test_the_public_names_are_these() -> None:
    assert sorted(tsw.__all__) == PUBLIC
    assert set(PUBLIC) <= set(dir(tsw))


@pytest.mark.parametrize("name", PUBLIC)
def test_each_name_can_be_had_and_is_documented(name: str) -> None:
    documented = inspect.getdoc(getattr(tsw, name))
    assert documented
    assert len(documented) > 30


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Explorre"):
        tsw.Explorre  # noqa: B018
