"""A model built anew with the changes that `time_axis` names, read from its words."""

import re

import keras
from keras import layers as L


class NotByRule(Exception):
    """The change is said in words that this cannot carry out."""


class Same(L.Layer):
    """In the place of a layer that was left out, and of its arguments."""

    def call(self, x, mask=None):
        return x


INSTEAD = re.compile(r"put (\w+)\((.*)\) in its place|TimeDistributed\((\w+)\(\)\)")
ADDED = re.compile(r"put (\w+)\((\(.*?\)|\d*)\) (after|before) it")
SETTING = re.compile(r"(\w+)=(\(.*?\)|\"\w+\"|\w+)")
INSIDE = " in the layer inside of it"


def _made(kind, text):
    return getattr(L, kind)(*([eval(text, {})] if text else []))


def changed(layer, words):
    """The layer as it should be, or what is put in its place."""
    added = [(kind, text, where) for kind, text, where in ADDED.findall(words)]
    left = ADDED.sub("", words.partition(": ")[0])
    instead = INSTEAD.search(left)
    if left.startswith("leave it out"):
        new, left = Same(name=layer.name), ""
    elif instead:
        kind, text, inner = instead.groups()
        new = Chain([L.TimeDistributed(getattr(L, inner)()) if inner else _made(kind, text)])
        left = INSTEAD.sub("", left)
    else:
        config = layer.get_config()
        config.pop("backward_layer", None)
        inner = config["layer"]["config"] if INSIDE in left else config
        left = left.replace(INSIDE, "")
        for key, value in SETTING.findall(left):
            if key not in inner:
                raise NotByRule(words)
            inner[key] = eval(value, {})
        left = SETTING.sub("", left)
        new = type(layer).from_config(config)
    if left.strip(" ,;"):
        raise NotByRule(words)
    if not added:
        return new
    before = [_made(kind, text) for kind, text, where in added if where == "before"]
    after = [_made(kind, text) for kind, text, where in added if where == "after"]
    return Chain([*before, new, *after])


class Chain(L.Layer):
    """Layers in the place of one."""

    def __init__(self, chain):
        super().__init__()
        self.chain = chain

    def call(self, x, mask=None):
        for layer in self.chain:
            x = layer(x)
        return x


def rebuilt(model, fixes):
    """A new model with the layers that are named changed, and no other."""

    def clone(layer):
        if isinstance(layer, keras.Model):
            within = f"{layer.name}/"
            return rebuilt(layer, {name.removeprefix(within): fix for name, fix in fixes.items() if within in name})
        if layer.name in fixes:
            return changed(layer, fixes[layer.name])
        return type(layer).from_config(layer.get_config())

    return keras.models.clone_model(model, clone_function=clone)
