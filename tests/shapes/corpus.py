"""All shapes."""

from tests.shapes.composed import COMPOSED, REFUSED, WORSE
from tests.shapes.simple import SIMPLE

SHAPES = {shape.name: shape for shape in (*SIMPLE, *COMPOSED, *WORSE, *REFUSED)}
"""By name."""
