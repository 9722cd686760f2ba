"""A model built anew with the changes that `time_axis` names, read from its words."""

import re

import keras
from keras import layers as L

REPLACING = {
    "leave it out": lambda name: L.Identity(name=name),
    "put Permute((2, 1)) in its place": lambda name: L.Permute((2, 1), name=name),
    "TimeDistributed(Flatten())": lambda name: L.TimeDistributed(L.Flatten(), name=name),
    "TimeDistributed(GlobalAveragePooling1D())": lambda name: L.TimeDistributed(L.GlobalAveragePooling1D(), name=name),
    "TimeDistributed(GlobalMaxPooling1D())": lambda name: L.TimeDistributed(L.GlobalMaxPooling1D(), name=name),
}
ADDED = r"put (\w+)\((.*?)\) (after|before) it|(Cropping1D|ZeroPadding1D)\((.*?)\) after it"


class NotByRule(Exception):
    """The change is said in words that this cannot carry out."""


def changed(layer, words):
    """The layer, or what is put in its place."""
    for said, build in REPLACING.items():
        if words.startswith(said):
            return build(layer.name)
    config = layer.get_config()
    inner = config["layer"]["config"] if "in the layer inside of it" in words else config
    left = words.replace(" in the layer inside of it", "")
    extras = re.findall(ADDED, left)
    left = re.sub(ADDED, "", left).strip(" ,")
    for part in [part for part in re.split(r" and |, ", re.sub(r"\(.*?\)", "()", left)) if part not in ("", "and")]:
        key, found, value = part.partition("=")
        if not found or key not in inner:
            raise NotByRule(words)
        inner[key] = eval(re.search(rf"{key}=(\(.*?\)|\"\w+\"|\w+)", left)[1], {})
    new = type(layer).from_config(config)
    before = [getattr(L, kind)(*_arguments(values)) for kind, values, where, _, _ in extras if where == "before"]
    after = [
        getattr(L, kind or other)(*_arguments(values or more))
        for kind, values, where, other, more in extras
        if where != "before"
    ]
    return keras.Sequential([*before, new, *after], name=f"{layer.name}_changed") if before or after else new


def _arguments(text):
    return [eval(text, {})] if text else []


def rebuilt(model, fixes):
    """A new model with the layers that are named changed, and no other."""

    def clone(layer):
        if layer.name in fixes:
            return changed(layer, fixes[layer.name])
        return type(layer).from_config(layer.get_config())

    return keras.models.clone_model(model, clone_function=clone)
