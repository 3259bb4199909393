# SPDX-License-Identifier: MIT
"""The page of the command line: the help of each command."""

import click

from reference.text import note


def pages() -> dict[str, str]:
    """Path of the page below docs/api, and its text."""
    from icegen.command.main import commands

    head = "# Command line\n\n" + note("python/icegen/command") + "Every command prints this text with `--help`.\n\n"
    return {"command.md": head + section(commands, "icegen", None)}


def section(command: click.Command, name: str, above: click.Context | None) -> str:
    """A command and those below it."""
    context = click.Context(command, info_name=name, parent=above, terminal_width=80, max_content_width=80)
    text = f"## `{context.command_path}`\n\n```text\n{context.get_help()}\n```\n\n"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            text += section(found, child, context)
    return text
