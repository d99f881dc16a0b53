"""Measuring this project side by side with what it should be measured against."""
