"""The faces of the index beside the queue: each keeps what one room needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # they speak of the requests and claims of base
    from captiond.index.beside_base import Beside
    from captiond.index.downloads_base import Downloads
    from captiond.index.history_base import History
    from captiond.index.jobs_base import Jobs
    from captiond.index.kin_base import Kin
    from captiond.index.ledger_base import Ledger
    from captiond.index.limits_base import Limits
    from captiond.index.people_base import People
    from captiond.index.runs_base import Runs
    from captiond.index.waiting_base import Waiting
    from captiond.index.withdrawals_base import Withdrawals


class Faces(Protocol):
    """What an index offers beside photos and their queue."""

    @property
    def beside(self) -> Beside:
        """What lies beside photos, and what departed ones left behind."""

    @property
    def waiting(self) -> Waiting:
        """The photos that wait until the rules of their folder are mended."""

    @property
    def jobs(self) -> Jobs:
        """The batch jobs: which photos lie with the service."""

    @property
    def history(self) -> History:
        """The captions that photos had: to look at, to order new ones, to bring one back."""

    @property
    def kin(self) -> Kin:
        """Which contents may share a caption."""

    @property
    def people(self) -> People:
        """What people wrote about photos."""

    @property
    def runs(self) -> Runs:
        """The lives of the daemon and the scans."""

    @property
    def withdrawals(self) -> Withdrawals:
        """Captions that are taken back."""

    @property
    def ledger(self) -> Ledger:
        """Every request with what it cost."""

    @property
    def limits(self) -> Limits:
        """What is known of the service's limits."""

    @property
    def downloads(self) -> Downloads:
        """The addresses to be fetched, and where contents came from."""
