"""``tintype install-browser``: finds or installs Chromium and fonts."""

from __future__ import annotations

from functools import partial

import click

from tintype.commands import ExitCode
from tintype.commands.help_page import DocumentedCommand
from tintype.provision import find_browser, fonts
from tintype.provision.install import InstallFailed, install_browser
from tintype.settings import Settings


@click.command(
    "install-browser",
    cls=DocumentedCommand,
    examples=("sudo tintype install-browser", "tintype install-browser --if-needed --slim"),
    exit_codes=(ExitCode.FAILURE, ExitCode.USAGE_ERROR),
)
@click.option("--if-needed", is_flag=True, help="Do nothing if TINTYPE_ENGINE does not include chromium.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing if everything is installed.")
@click.option("--slim", is_flag=True, help="Install fonts for Latin, Greek and Cyrillic only; saves 0.14 GB.")
def command(*, if_needed: bool, quiet: bool, slim: bool) -> None:
    """Find Chromium, or install it with fonts.

    Uses TINTYPE_CHROMIUM if set, else an installed Chromium or Chrome. As root on Debian and Ubuntu it installs
    packages and creates the user that runs Chromium; elsewhere it uses Playwright's downloader.
    """
    settings = Settings.load()
    if if_needed and "chromium" not in settings.engines:
        return
    try:
        packages = fonts.SLIM_PACKAGES if slim else fonts.PACKAGES
        binary = install_browser(settings.chromium, settings.browser_user, partial(click.echo, err=True), packages)
    except InstallFailed as error:
        raise click.ClickException(str(error)) from error
    if not quiet:
        click.echo(f"{find_browser.version_of(binary)} at {binary}")
