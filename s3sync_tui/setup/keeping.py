"""The answers kept: in the file, and what the operator has to do besides."""

from __future__ import annotations

from s3sync_tui.errors import SettingsError
from s3sync_tui.settings import Settings, load_settings
from s3sync_tui.setup.answers import ASKED, INFO, SECRET_OF, Answers, Known
from s3sync_tui.setup.file import Place, completed, file_text, save, values_of


def keep(answers: Answers, known: Known, place: Place, *, with_secret: bool) -> list[str]:
    """Write the answers; returns what there is to say of it, a line each.

    Raises :class:`~s3sync_tui.errors.SettingsError`; then nothing is written.
    """
    settings = answers.settings(known)
    values = values_of(answers, with_secret=with_secret)
    is_private = with_secret and bool(answers.secret)
    changes: list[str] = []
    if place.text is None:
        text = file_text(values)
    else:
        text, changes = completed(place, values, answers)
    save(place, text, is_private=is_private)
    return [
        f"Saved in {place.label}{': ' if changes else '.'}{', '.join(changes)}",
        *_to_export(answers, known, with_secret=with_secret),
        *_outranked(settings, answers, known, place, with_secret=with_secret),
    ]


def _to_export(answers: Answers, known: Known, *, with_secret: bool) -> list[str]:
    needed = SECRET_OF.get(answers.catalog)
    if needed is None or (answers.secret and with_secret):
        return []
    if not answers.secret and not known.origin(needed).startswith("--"):
        return []  # a variable or the file has it
    export = f"export {INFO[needed].variables[0]}=…"
    return [f"It holds no secret. Before the next start, in your shell, cron or systemd: {export}"]


def _outranked(
    settings: Settings, answers: Answers, known: Known, place: Place, *, with_secret: bool
) -> list[str]:
    """What would be otherwise at the next start, because a variable outranks the file."""
    environ = dict(known.environ)
    needed = SECRET_OF.get(answers.catalog)
    if needed is not None and answers.secret and not with_secret:
        environ[INFO[needed].variables[0]] = answers.secret
    try:
        loaded = load_settings({}, environ=environ, config=known.config, directory=known.directory)
    except SettingsError as error:
        return [f"The next start will say: {error.message}"]
    others = [
        loaded.origins[name]
        for name in ASKED
        if getattr(loaded.settings, name) != getattr(settings, name)
        and loaded.origins[name].startswith("$")
    ]
    if not others:
        return []
    names = " and ".join(name.partition(",")[0] for name in others)
    return [f"At the next start {names} will outrank {place.label}: unset or change it."]
