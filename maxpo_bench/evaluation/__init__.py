"""Evaluation of scored samples, without any model."""
