"""``tintype install-browser``: what captures need, onto this machine."""

from __future__ import annotations

from functools import partial

import click

from tintype.provision import find_browser, fonts
from tintype.provision.install import InstallFailed, install_browser
from tintype.settings import Settings


@click.command("install-browser")
@click.option("--if-needed", is_flag=True, help="Do nothing when the settings name another engine than chromium.")
@click.option("--quiet", is_flag=True, help="Say nothing when everything is there.")
@click.option("--slim", is_flag=True, help="Fonts for Latin, Greek and Cyrillic only: 0.14 GB less.")
def command(*, if_needed: bool, quiet: bool, slim: bool) -> None:
    """Find a Chromium, or install one with fonts.

    Takes TINTYPE_CHROMIUM if set, else the Chromium or Chrome there is. As root on Debian and Ubuntu it installs
    packages and creates the user that Chromium runs as; elsewhere it tries Playwright's downloader.
    """
    settings = Settings.load()
    if if_needed and "chromium" not in settings.engines:
        return
    try:
        wanted = fonts.SLIM_PACKAGES if slim else fonts.PACKAGES
        say = partial(click.echo, err=True)
        binary = install_browser(settings.chromium, settings.browser_user, say, wanted)
    except InstallFailed as error:
        raise click.ClickException(str(error)) from error
    if not quiet:
        click.echo(f"{find_browser.version_of(binary)} at {binary}")
