"""Statistics that add: what one subject puts into the sums, and what the sums say.

A subject's part is a few integers, so parts add in any order and a corrected value is taken out
exactly. Estimates, variances and test statistics are read out as exact fractions, discrete P values
too; what is irrational is a `Decimal` of 20 good digits. Nothing is rounded for display here. Each
method's name, as outputs print it, is a constant beside its function.
"""
