"""Recurrent forecasters of time series, with a decoder in numpy."""
