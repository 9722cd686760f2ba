"""Ring 1': arrays to bqplot marks and figures. Knows neither Keras nor the analysis functions.

Marks are made once and changed in place: making them anew would leak them in the browser.
"""
