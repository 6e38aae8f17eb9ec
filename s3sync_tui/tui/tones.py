"""The quieter tones of text inside widgets.

Textual's ``$text-muted`` is mixed from what lies beneath, which styles inside a text can't
be; ``dim`` is mixed when painted, and is the terminal's own under an ANSI theme.
"""

MUTED = "$foreground-muted"
FAINT = "dim $foreground-muted"
