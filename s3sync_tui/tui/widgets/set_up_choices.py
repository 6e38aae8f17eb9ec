"""Choices whose sign tells without colour whether they are made."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Checkbox, RadioButton


class SetUpRadio(RadioButton):
    """``●`` or ``○``."""

    @property
    def _button(self) -> Content:
        style = self.get_visual_style("toggle--button")
        return Content.assemble((" ● " if self.value else " ○ ", style))


class SetUpCheckbox(Checkbox):
    """``[✓]`` or ``[ ]``."""

    @property
    def _button(self) -> Content:
        style = self.get_visual_style("toggle--button")
        return Content.assemble(("[✓]" if self.value else "[ ]", style))
