"""mmlib: fusion models and gradient modulation for audio-visual learning, and the workbook that tests their claims.

Importing this package is cheap: torch is only loaded by the modules that compute.
"""

__version__ = "0.1.0"
