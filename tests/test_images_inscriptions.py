"""What people wrote into a photo's own metadata, by exiftool and by hand."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import time

import pytest
from images_helpers import PHOTOS, encoded, prepared, written
from PIL import ExifTags, Image, PngImagePlugin

from captiond import inscribed
from captiond.images.decoders import DecoderPool
from captiond.images.prepare import arm
from captiond.models import Handwriting
from captiond.settings import ImageSettings
from captiond.testing.photo_maker import tiny_jpeg

exiftool = pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="exiftool is not here; .ci/run installs it"
)
CAPTION = "Grandma\u2019s house in Łódź, 猫\nwith the blue door"


@pytest.fixture(scope="module", autouse=True)
def _armed():
    arm()


def tagged(folder, *tags, source="rocket.jpg"):
    """Return a photo that exiftool wrote these tags into."""
    path = folder / f"photo{PHOTOS.joinpath(source).suffix}"
    shutil.copy(PHOTOS / source, path)
    options = ["-overwrite_original", "-q", "-m", "-E", "-codedcharacterset=utf8"]
    subprocess.run(["exiftool", *options, *tags, path], check=True)
    return prepared(path).handwriting


@exiftool
@pytest.mark.parametrize(
    "tag",
    [
        "EXIF:ImageDescription",
        "EXIF:UserComment",
        "EXIF:XPComment",
        "IPTC:Caption-Abstract",
        "XMP-dc:Description",
        "XMP-dc:Description-de",
        "XMP-tiff:ImageDescription",
    ],
)
def test_a_caption_is_found_wherever_programs_write_it(tmp_path, tag):
    """In whatever letters, on however many lines."""
    assert tagged(tmp_path, f"-{tag}={CAPTION.replace(chr(10), '&#xa;')}").caption == CAPTION


@exiftool
@pytest.mark.parametrize(
    "source",
    [
        "hopper.jpg",
        "cat.png",
        "coffee.webp",
        "pages.tif",
        "astronaut.heic",
        "rocket.avif",
        "DSC_0042.DNG",
    ],
)
def test_captions_are_read_from_every_container(tmp_path, source):
    """From the XMP of each format that exiftool writes."""
    told = tagged(tmp_path, "-XMP-dc:Description=By hand", "-XMP-dc:Title=Ours", source=source)
    assert (told.caption, told.title) == ("By hand", "Ours")


@exiftool
def test_title_keywords_and_alt_text_come_along(tmp_path):
    """From XMP, IPTC and Windows."""
    told = tagged(
        tmp_path,
        "-IPTC:ObjectName=A title",
        "-IPTC:Keywords=one",
        "-IPTC:Keywords=two words",
        "-XMP-dc:Subject=three",
        "-EXIF:XPKeywords=four;Samsung",
        "-XMP-iptcCore:AltTextAccessibility=Alt",
    )
    assert told.title == "A title"
    assert told.alt_text == "Alt"
    assert told.keywords == ("three", "one", "two words", "four", "Samsung")


@exiftool
def test_xmp_goes_before_iptc_and_iptc_before_exif(tmp_path):
    """As the programs that write them read them."""
    exif, iptc, xmp = (
        "-EXIF:ImageDescription=E",
        "-IPTC:Caption-Abstract=I",
        "-XMP-dc:Description=X",
    )
    assert tagged(tmp_path, exif, iptc, xmp).caption == "X"
    assert tagged(tmp_path, exif, iptc).caption == "I"


@exiftool
@pytest.mark.parametrize(
    "junk",
    [
        "OLYMPUS DIGITAL CAMERA         ",
        "SONY DSC",
        "   ",
        "Created with GIMP",
        "cof",
        "oplus_32",
        "hdrpl",
        "oznorWO",
        "sdr_HDRB",
        "Screenshot",
        "CameraID=52.FrameCount=30.lutFilename=.configNickname=A.profileName=MaxQ HDR.Version=V6.0",
        '{"filter": 1}',
        "<MetaData>\n <prop id='Description'/>",
        "masterpiece, best quality\nSteps: 20, Sampler: Euler a, Seed: 1",
    ],
)
def test_what_cameras_phones_and_programs_leave_there_is_silence(tmp_path, junk):
    """Nobody wrote it."""
    text = junk.replace("\n", "&#xa;").replace('"', "&quot;").replace("<", "&lt;")
    told = tagged(tmp_path, f"-EXIF:ImageDescription={text}", f"-EXIF:UserComment={text}")
    assert told == Handwriting()


def test_what_hides_or_steers_is_left_out(tmp_path):
    """A caption is text that people see, of a bounded length."""
    exif = Image.Exif()
    exif[270] = "A \x1b[31mred\x07 door" + " long" * 5000
    told = prepared(written(tmp_path, encoded(Image.new("RGB", (9, 9)), "JPEG", exif=exif)))
    assert told.handwriting.caption.startswith("A [31mred door long")
    assert len(told.handwriting.caption) == 8000


def test_the_texts_of_a_png_count_but_for_its_comment(tmp_path):
    """Title and Description are a person's, Comment a program's."""
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Title", "A title")
    texts.add_itxt("Description", "A caption, 猫")
    texts.add_text("Comment", "Made by a program")
    told = prepared(written(tmp_path, encoded(Image.new("RGB", (9, 9)), "PNG", pnginfo=texts)))
    assert told.handwriting == Handwriting(caption="A caption, 猫", title="A title")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("code", "encoding"), [(b"JIS\0\0\0\0\0", "iso2022_jp"), (b"UNICODE\0", "utf-16-")]
)
async def test_a_child_without_files_reads_comments_of_every_code(tmp_path, code, encoding, order):
    """What decodes them is loaded before the doors are shut; the file says the order of bytes."""
    exif = Image.Exif()
    exif.endian = order
    text = "\u65e5\u672c\u306e\u6e56\u3068\u8239\u304c\u898b\u3048\u308b\u5834\u6240"
    name = encoding + {"<": "le", ">": "be"}[order] if encoding.endswith("-") else encoding
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = code + text.encode(name)
    path = written(tmp_path, encoded(Image.new("RGB", (8, 8)), "JPEG", exif=exif))
    pool = DecoderPool(ImageSettings(), 1)
    with path.open("rb") as file:
        made = await pool.prepare(file.fileno(), "d" * 64)
    await pool.aclose()
    assert made.handwriting.caption == text


def test_a_description_of_a_million_lines_takes_no_longer_than_a_short_one():
    """Expat hands each line feed over by itself; put together one by one they took a minute."""
    began = time.process_time()
    assert inscribed.read(packet(f"<dc:description>{'a' + chr(10) * 900_000}</dc:description>"))
    assert time.process_time() - began < 5


def packet(body: str) -> bytes:
    return f"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
        xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
        xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:c="urn:captiond:1.0/"
        ><rdf:Description rdf:about="">{body}</rdf:Description></rdf:RDF></x:xmpmeta>""".encode()


def test_captionds_own_words_are_nobodys_handwriting():
    """Another program may copy a sidecar into the photo: its digest tells whose it is."""
    digest = hashlib.sha256(b"A cat").hexdigest()
    ours = packet(
        f"<dc:description>A cat</dc:description><c:CaptionDigest>{digest}</c:CaptionDigest>"
        "<dc:subject><rdf:Bag><rdf:li>cat</rdf:li><rdf:li>Tom</rdf:li></rdf:Bag></dc:subject>"
        "<c:CaptionKeywords><rdf:Bag><rdf:li>cat</rdf:li></rdf:Bag></c:CaptionKeywords>"
    )
    assert inscribed.read(ours) == Handwriting(keywords=("Tom",))
    edited = ours.replace(b"A cat</dc", b"Tom, my cat</dc")
    assert inscribed.read(edited).caption == "Tom, my cat"


@exiftool
def test_captionds_own_words_are_nobodys_in_iptc_and_exif_either(tmp_path):
    """Programs copy a description from XMP there."""
    digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("A cat", "Cat")}
    ours = packet(
        f"<c:CaptionDigest>{digests['A cat']}</c:CaptionDigest>"
        f"<c:CaptionTitleDigest>{digests['Cat']}</c:CaptionTitleDigest>"
        "<c:CaptionKeywords><rdf:Bag><rdf:li>cat</rdf:li></rdf:Bag></c:CaptionKeywords>"
    )
    (tmp_path / "ours.xmp").write_bytes(ours)
    copied = ["-EXIF:ImageDescription=A cat", "-IPTC:ObjectName=Cat", "-IPTC:Keywords=Cat"]
    tags = [*copied, "-IPTC:Keywords=Tom", f"-XMP<={tmp_path / 'ours.xmp'}"]
    assert tagged(tmp_path, *tags) == Handwriting(keywords=("Tom",))
    edited = [*tags, "-IPTC:Caption-Abstract=Tom, my cat"]
    assert tagged(tmp_path, *edited).caption == "Tom, my cat"


@pytest.mark.parametrize(
    "body",
    [
        (
            "<dc:description><rdf:Alt><rdf:li xml:lang='de'>Katze</rdf:li>"
            "<rdf:li xml:lang='x-default'>A cat</rdf:li></rdf:Alt></dc:description>"
        ),
        "<dc:description>A cat</dc:description>",
        "<dc:description><rdf:Alt><rdf:li xml:lang='en'>A cat</rdf:li></rdf:Alt></dc:description>",
    ],
)
def test_a_description_is_read_in_every_form(body):
    """Of several languages the default."""
    assert inscribed.read(packet(body)).caption == "A cat"


@pytest.mark.parametrize(
    "rubbish",
    [
        b"",
        b"<x",
        b"\xff\xfe",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        b"<a>" * 5000,
        packet("<dc:description>A cat").replace(b"</rdf:RDF>", b""),
        b"x" * (3 << 20),
    ],
)
def test_a_rubbish_packet_is_silence(rubbish):
    """Anyone may have made it."""
    assert inscribed.read(rubbish) == Handwriting()


def test_a_photo_without_words_says_nothing(tmp_path):
    """Most are so."""
    assert prepared(written(tmp_path, tiny_jpeg(1))).handwriting == Handwriting()
