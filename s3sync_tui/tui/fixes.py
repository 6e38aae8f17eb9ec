"""What mends the catalog: shown as SQL first, run once confirmed."""

from __future__ import annotations

from textual.app import App

from s3sync_tui.insight.check import Check
from s3sync_tui.settings import Settings
from s3sync_tui.tui.link import Link
from s3sync_tui.tui.screens.ask import Ask


async def offer_fix(app: App[None], link: Link, check: Check) -> None:
    """Run the fix of ``check``. Raises :class:`~s3sync_tui.errors.CatalogError`."""
    statements = "\n".join(f"{statement.rstrip(';')};" for statement in check.sql)
    asked = Ask(check.title, check.fix, {"y": "Run it"}, details=statements)
    if await app.push_screen_wait(asked) == "y":
        app.notify("Under way; the dashboard stays usable.", title=check.title)
        await link.mend(check.sql)
        app.notify("Done.", title=check.title)


async def offer_schema(app: App[None], link: Link, settings: Settings) -> None:
    """Apply the schema, or where the transport can't, say where to paste it. Raises
    :class:`~s3sync_tui.errors.CatalogError` and :class:`~s3sync_tui.errors.SchemaError`."""
    from s3sync_tui.catalog.schema import schema_sql

    statements = schema_sql(settings.table)
    if settings.catalog_kind == "supabase":
        question = "The REST API creates no tables: paste this into the project's SQL editor."
        asked = Ask("Schema", question, {"y": "Copy it"}, details=statements)
        if await app.push_screen_wait(asked) == "y":
            app.copy_to_clipboard(statements)
            app.notify("Copied. Run it in Supabase: SQL Editor, then press s.")
        return
    question = "Create what the schema needs? Nothing is dropped."
    if (
        await app.push_screen_wait(Ask("Schema", question, {"y": "Apply it"}, details=statements))
        == "y"
    ):
        changes = await link.apply_schema()
        app.notify(f"The schema is in place: {len(changes)} changes.")
