"""``tintype install-browser``: what captures need, onto this machine."""

from __future__ import annotations

import click

from tintype.chromium import locate
from tintype.install import InstallFailed, install_browser
from tintype.settings import Settings


@click.command("install-browser")
@click.option("--if-needed", is_flag=True, help="Do nothing when the settings name another engine than chromium.")
@click.option("--quiet", is_flag=True, help="Say nothing when everything is there.")
def command(*, if_needed: bool, quiet: bool) -> None:
    """Find a Chromium, or install one with fonts.

    Takes TINTYPE_CHROMIUM if set, else the Chromium or Chrome there is. As root on Debian and Ubuntu it installs
    packages and creates the user that Chromium runs as; elsewhere it tries Playwright's downloader.
    """
    settings = Settings.load()
    if if_needed and "chromium" not in settings.engines:
        return
    try:
        binary = install_browser(settings.chromium, settings.browser_user, lambda line: click.echo(line, err=True))
    except InstallFailed as error:
        raise click.ClickException(str(error)) from error
    if not quiet:
        click.echo(f"{locate.version_of(binary)} at {binary}")
