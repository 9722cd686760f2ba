"""Ring 1: plain functions from a model and arrays to arrays. Whatever a widget shows, one of these returns."""
