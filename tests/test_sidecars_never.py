"""Whatever lies beside a photo: never two XMPs by captiond, never a byte of another's changed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from sidecars_helpers import beside, caption, make_photo, state, write

from captiond.models import Written
from captiond.sidecars.base import Errand
from captiond.sidecars.handwriting import read_handwriting
from captiond.sidecars.names import candidates
from captiond.sidecars.withdraw import remove_sidecars, withdraw_sidecars

NAMES = [
    *candidates("IMG.jpg"),
    "IMG.jpg.json",
    "IMG.json",
    "IMG.NEF",
    "IMG.NEF.xmp",
    "IMG.png",
    "IMG.MOV",
]
FOREIGN = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([b"", b"a person's\n", b"{}"]))
STEPS = st.lists(
    st.sampled_from(["write", "adopt", "anew", "empty", "stem", "withdraw", "remove", "forget"]),
    max_size=6,
)


class Library:
    """A photo that captiond works beside, and what it remembers of that."""

    def __init__(self, folder: Path) -> None:
        self.photo = make_photo(folder)
        self.written: dict[str, Written] = {}

    def take(self, step: str, count: int) -> None:
        """Take one step, as the daemon and its verbs do."""
        heard = read_handwriting(self.photo, self.written, caption().description)
        if step == "withdraw":
            self.written = dict(withdraw_sidecars(self.photo, self.written).outcome.written)
        elif step == "remove":
            remove_sidecars(self.photo, self.written)
        elif step == "forget":
            self.written = {}
        else:
            errand = Errand(adopted=step == "adopt", anew=step == "anew", stamps=heard.stamps)
            outcome = write(
                self.photo,
                *("xmp", "txt", "json"),
                written=self.written,
                names="stem" if step == "stem" else "full",
                errand=errand,
                caption="" if step == "empty" else f"Words {count}",
            )
            self.written = dict(outcome.written)
            assert outcome.beside == beside(Path(self.photo.root))


@settings(max_examples=60, deadline=None)
@given(foreign=FOREIGN, steps=STEPS)
def test_what_others_wrote_stays_to_the_byte(foreign, steps):
    """No step touches a file that captiond did not write, and none makes a second XMP."""
    with tempfile.TemporaryDirectory() as folder:
        library = Library(Path(folder))
        for name, content in foreign.items():
            (Path(folder) / name).write_bytes(content)
        before = state(Path(folder))
        for count, step in enumerate(steps):
            library.take(step, count)
            now = state(Path(folder))
            assert before.items() <= now.items()
            made = [name for name in now.keys() - before.keys() if name.lower().endswith(".xmp")]
            whose = {name for name in before if name in candidates("IMG.jpg")}
            pair = before.keys() & {"IMG.NEF", "IMG.png"}
            assert len(made) <= (not any(n.endswith((".xmp", ".XMP")) for n in whose) or bool(pair))


@settings(max_examples=30, deadline=None)
@given(steps=STEPS)
def test_nothing_is_written_twice(steps):
    """Any step taken once more with the same words touches no file."""
    with tempfile.TemporaryDirectory() as folder:
        library = Library(Path(folder))
        for count, step in enumerate(steps):
            library.take(step, count)
            before = state(Path(folder))
            library.take(step, count)
            assert state(Path(folder)) == before
