"""What does it show?

captioner   answers one question with a reply, or raises one of the errors below
question    the prepared image, the photo it came from, the recipe to follow, what is said of it
terms       what a reply is held to: its language, the vocabulary
context     what a photo tells of itself, as far as it may be sent
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from captiond.captioners.vocabulary import Vocabulary
from captiond.models import Photo, Prepared, Recipe, Reply, Tier


@dataclass(frozen=True, slots=True)
class Terms:
    """What a reply is held to; `final` takes one in the wrong language all the same."""

    language: str = ""
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    final: bool = True


ANY = Terms()
"""Any reply will do."""


@dataclass(frozen=True, slots=True)
class Question:
    """One photo to describe; `texts` go out after the image, as `prompts.compose` gave them."""

    photo: Photo
    image: Prepared
    recipe: Recipe
    texts: tuple[str, ...] = ()
    terms: Terms = ANY
    tier: Tier = Tier.STANDARD


class Captioner(Protocol):
    """Describes photos."""

    paid: bool
    """Whether a call costs money, so that its replies are reused wherever the content turns up."""

    async def caption(self, question: Question) -> Reply:
        """Describe one photo.

        What tells of the photo comes as a reply, also where its outcome is ImageRejected,
        CaptionRefused or ReplyUnusable. Raises CaptionerBusy, CaptionerUnreachable (later),
        CaptionerShed (later, or by another tier),
        CaptionerStopped (not until an operator acts).
        """

    async def check(self) -> str:
        """Find out for free whether this captioner would answer; return a sentence saying so.

        Raises CaptionerError.
        """

    async def aclose(self) -> None:
        """Let go of connections."""
