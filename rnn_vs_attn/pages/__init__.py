"""Runs of any suites on one page: the ledger of claims, a table that joins what each model costs and can, figures."""
