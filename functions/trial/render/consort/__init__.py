"""The participant flow: as data, as words, and as a CONSORT 2025 diagram in SVG."""

from trial.render.consort.alt_text import flow_json, form, note, outline
from trial.render.consort.layout import flow_svg

__all__ = ["flow_json", "flow_svg", "form", "note", "outline"]
