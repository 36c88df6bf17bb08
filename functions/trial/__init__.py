"""A clinical trial's tables, kept current event by event.

Imports point one way: wiring, store and render know tables; tables know subject, study and
statistics; those know cells and messages; nothing here knows the handlers.
"""
