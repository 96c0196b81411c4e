"""All shapes."""

from tests.shapes.composed import COMPOSED, REFUSED
from tests.shapes.simple import SIMPLE

SHAPES = {shape.name: shape for shape in (*SIMPLE, *COMPOSED, *REFUSED)}
"""By name."""
