"""The verb `run`: the daemon itself."""

from __future__ import annotations

import click

from captiond.cli import output


@click.command(short_help="Watch the folders and caption every photo that arrives.")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Watch the folders and caption every photo that arrives.

    Each new content costs one request: `captiond plan` tells beforehand what, [limits] caps it.
    Runs in the foreground until SIGTERM or Ctrl-C, then finishes the photos in flight (a second
    signal ends at once). SIGHUP reads the configuration again. Logs go to stderr.
    """
    import anyio

    from captiond import log, service
    from captiond.config import service_environment
    from captiond.sdnotify import Notifier
    from captiond.settings import Settings

    def load() -> Settings:
        settings = output.settings(ctx)
        log.configure(settings.log)
        return settings

    manager = service_environment()

    async def live() -> None:
        notifier = Notifier(manager.notify_socket)
        await service.run(load, notifier=notifier, watchdog_usec=manager.watchdog_usec)

    anyio.run(live)
