"""What leaves the machine: looked for in what the loopback server received."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from tags_helpers import bag, packet

from captiond.captioners.context import HEADING
from captiond.models import Caption, Description
from captiond.places.gazetteer import is_installed
from captiond.settings import (
    CaptionerSettings,
    FolderSettings,
    GeminiSettings,
    IndexSettings,
    Settings,
    WatchSettings,
)
from captiond.testing.gemini_server import GeminiServer
from captiond.testing.gemini_wire import ReceivedRequest
from captiond.testing.photo_maker import make_jpeg, with_exif
from captiond.verbs.onepass import scan
from captiond.verbs.single import caption_files

OSLO = (59.913345, 10.739012)
SECRETS = ("59.9133", "10.7390", "59.91334", "10.73901")


def settings(tmp_path: Path, server: GeminiServer, **folder: object) -> Settings:
    """Return settings for one folder, whose photo knows when, where and who."""
    photos = tmp_path / "Family" / "Oslo trip"
    photos.mkdir(parents=True, exist_ok=True)
    taken = datetime.fromisoformat("2024-07-04T12:34:56+02:00")
    jpeg = make_jpeg(width=64, height=48)
    known = with_exif(jpeg, taken_at=taken, camera=("Canon", "R5"), coordinates=OSLO)
    (photos / "IMG_1.jpg").write_bytes(known)
    tags = bag("ext:PersonInImage", "Anna Berg") + bag("dc:subject", "ferry")
    (photos / "IMG_1.xmp").write_bytes(packet(tags))
    (tmp_path / "key").write_text("a-key")
    return Settings(
        index=IndexSettings(path=str(tmp_path / "index.db")),
        gemini=GeminiSettings(base_url=server.base_url, api_key_file=str(tmp_path / "key")),
        watch=WatchSettings(settle_seconds=0.1),
        folders=[FolderSettings(path=str(tmp_path / "Family"), sidecars=[], **folder)],
    )


async def sent(settings: Settings, server: GeminiServer) -> tuple[ReceivedRequest, ...]:
    """Scan the folders; return what the server received."""
    server.received.clear()
    ended = await scan(settings, lambda _: None)
    assert (ended.captioned, ended.set_aside) == (1, 0)
    return tuple(server.received)


async def test_by_default_a_photo_tells_its_context(tmp_path):
    """Date, place or rounded coordinates, camera, folders, people, keywords; nothing closer."""
    async with GeminiServer(keep=9) as server:
        (request,) = await sent(settings(tmp_path, server), server)
    context, prompt = request.texts
    rounded = "59.91\N{DEGREE SIGN} N, 10.74\N{DEGREE SIGN} E"
    place = "Oslo, Norway" if is_installed() else rounded
    assert context == (
        f'{HEADING}\n{{"taken": "2024-07-04 12:34", "place": "{place}", "camera": "Canon R5", '
        '"folders": ["Family", "Oslo trip"], "people": ["Anna Berg"], "keywords": ["ferry"]}'
    )
    everything = request.prompt.encode() + request.image
    assert not any(secret.encode() in everything for secret in SECRETS)
    assert b"IMG_1" not in everything
    assert str(tmp_path).encode() not in everything
    assert b"Exif" not in request.image
    assert "Anna" not in prompt


async def test_a_private_folder_tells_neither_where_nor_who(tmp_path):
    """Date and camera go out; place, people, and names that may tell them, do not."""
    async with GeminiServer(keep=9) as server:
        (request,) = await sent(settings(tmp_path, server, private=True), server)
    assert request.texts[0] == f'{HEADING}\n{{"taken": "2024-07-04 12:34", "camera": "Canon R5"}}'
    assert not any(word in request.prompt for word in ("Oslo", "59.9", "10.7", "Anna", "ferry"))


@pytest.mark.parametrize("private", [False, True])
async def test_without_context_only_prompt_and_picture_leave(tmp_path, private):
    """`context = false` sends nothing that the photo says of itself, not even by a variable."""
    prompt = "Of {folder}, {name}, {date}, {place}, {people} and {keywords}."
    async with GeminiServer(keep=9) as server:
        asked = settings(tmp_path, server, private=private, prompt=prompt)
        quiet = msgspec.structs.replace(asked, captioner=CaptionerSettings(context=False))
        (request,) = await sent(quiet, server)
    (text,) = request.texts
    assert text.startswith("Of , , , ,  and .\n\nRules of the reply:")
    assert not any(word in text for word in ("Oslo", "Anna", "ferry", "2024", "Canon", "IMG_1"))


@pytest.mark.parametrize("linked", ["folder", "shortcut"])
async def test_a_private_folder_stays_private_by_another_path(tmp_path, linked):
    """`caption` knows a photo of a private folder also through a link, on either side."""
    async with GeminiServer(keep=9) as server:
        asked = settings(tmp_path, server, private=True)
        link = tmp_path / "link"
        link.symlink_to(tmp_path / "Family")
        named = {"folder": tmp_path / "Family", "shortcut": link}
        if linked == "folder":
            folders = [msgspec.structs.replace(asked.folders[0], path=str(link))]
            asked = msgspec.structs.replace(asked, folders=folders)
        results: list[object] = []
        photo = named[linked] / "Oslo trip" / "IMG_1.jpg"
        await caption_files(asked, [photo], lambda _, result: results.append(result))
        (request,) = server.received
    assert isinstance(results[0], Caption)
    assert not any(word in request.prompt for word in ("Oslo", "59.9", "10.7", "Anna", "ferry"))


async def test_what_captiond_wrote_does_not_come_back_to_it(tmp_path):
    """A photo asked about anew does not tell the model its own keywords as a person's."""
    async with GeminiServer(keep=9) as server:
        asked = settings(tmp_path, server)
        (tmp_path / "Family" / "Oslo trip" / "IMG_1.xmp").unlink()
        folders = [msgspec.structs.replace(asked.folders[0], sidecars=["xmp"])]
        asked = msgspec.structs.replace(asked, folders=folders)
        await sent(asked, server)
        assert (tmp_path / "Family" / "Oslo trip" / "IMG_1.jpg.xmp").exists()
        french = [msgspec.structs.replace(folders[0], language="Klingon")]
        again = msgspec.structs.replace(
            asked, folders=french, index=IndexSettings(path=str(tmp_path / "other.db"))
        )
        (request,) = await sent(again, server)
    assert "keywords" not in request.texts[0].partition("\n")[2]


async def test_a_wrong_language_is_asked_about_once_more_and_then_taken(tmp_path):
    """The second question says the language louder; its answer is kept, whatever it speaks."""
    async with GeminiServer(keep=9) as server:
        first, second = await sent(settings(tmp_path, server, language="de"), server)
        assert await server_asked_no_more(tmp_path, server)
    assert len(first.texts) == 2
    assert second.texts[:2] == first.texts
    assert second.texts[2].endswith("in this language and in no other: de")
    with sqlite3.connect(tmp_path / "index.db") as index:
        rows = index.execute("SELECT state, reason FROM photos").fetchall()
    index.close()
    assert rows == [("captioned", "the caption is not in the language asked for: de")]


async def test_a_wrong_language_is_only_missed_once(tmp_path):
    """A second answer in the right language is an answer like any other."""
    german = Description(
        caption="Eine graue Katze schläft auf einem roten Sofa neben dem Fenster und träumt.",
        keywords=("katze",),
    )
    english = Description(caption="A grey cat sleeps on a red sofa beside the window of a house.")
    answers = iter([english, german])

    async def answer(request: ReceivedRequest) -> Description:  # noqa: ARG001 an Answer
        return next(answers)

    async with GeminiServer(keep=9, answer=answer) as server:
        requests = await sent(settings(tmp_path, server, language="Deutsch"), server)
    assert len(requests) == 2


async def server_asked_no_more(tmp_path: Path, server: GeminiServer) -> bool:
    """Tell whether another pass over the same folder asks nothing."""
    before = server.counters.requests
    await scan(settings(tmp_path, server, language="de"), lambda _: None)
    return server.counters.requests == before
