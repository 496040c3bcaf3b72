"""Says what is done with the photos of each folder: by the configuration and the rules found there.

A folder's file is looked at for each photo, so that an edit holds for the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from captiond.bench import Plan
from captiond.captioners.recipes import recipe_for, vocabulary_of
from captiond.captioners.vocabulary import ANY_WORD, Vocabulary
from captiond.errors import RulesBroken
from captiond.models import Photo
from captiond.rules.base import InForce, Rules
from captiond.rules.tree import RuleTree
from captiond.settings import FolderSettings, Settings
from captiond.sidecars.base import Layout

REMEMBERED = 512
"""Plans kept in memory; their texts are those of the rules."""


class FolderPlans:
    """The plans of all folders, watched or not; every method blocks on the disk."""

    def __init__(self, settings: Settings, rules: RuleTree | None = None) -> None:
        self._settings = settings
        self._rules = rules or RuleTree()
        self._vocabulary = vocabulary_of(settings)
        self._plans: dict[tuple[str, tuple[tuple[str, object], ...]], Plan] = {}
        self._vocabularies: dict[str, Vocabulary] = {}
        self.of_roots()

    @property
    def roots(self) -> Sequence[str]:
        """The watched roots."""
        return [folder.path for folder in self._settings.folders]

    def at(self, photo: Photo) -> Plan | None:
        """Return the plan for a photo of a watched root, None for one that is left alone.

        Raises RulesBroken, OSError.
        """
        folder = self._watched(photo.root)
        if folder is None:
            return None
        found = self._rules.at(photo.root, photo.folder, finished=True)
        left_alone = found.closed or found.ignored.match(photo.folder, photo.name)
        return None if left_alone else self._plan(folder, found)

    def beneath(self, root: str, folder: str) -> Plan | None:
        """Return the plan for what lies in a folder beneath a watched root, as it says now.

        None where it is left alone. Raises RulesBroken, OSError.
        """
        watched, found = self._watched(root), self._rules.at(root, folder)
        return None if watched is None or found.closed else self._plan(watched, found)

    def of_roots(self) -> dict[str, Plan]:
        """Return the plans by the configuration alone."""
        return {one.path: self._plan(one, InForce()) for one in self._settings.folders}

    def within(self, path: Path) -> Plan:
        """Return the plan for what lies in a folder, watched or not, ignored or not.

        By whatever links it is reached: a private one is private all the same. Raises RulesBroken,
        OSError.
        """
        folder, found = self.in_force(path)
        return self._plan(folder, found)

    def in_force(self, path: Path) -> tuple[FolderSettings, InForce]:
        """Return the settings of the watched folder that a folder lies in, and the rules there.

        Outside of all, those of every folder above hold. Raises RulesBroken, OSError.
        """
        real = path.resolve()
        for folder in self._settings.folders:
            root = Path(folder.path).resolve()
            if real.is_relative_to(root):
                return folder, self._rules.at(folder.path, _beneath(real, root))
        return FolderSettings(path="/"), self._rules.at("/", _beneath(real, Path("/")))

    def vocabulary(self, recipe: str, photo: Photo) -> Vocabulary:
        """Return the words that captions by a recipe of this key are held to.

        One that was not met since the start is most likely the photo's own.
        """
        if recipe not in self._vocabularies and (folder := self._watched(photo.root)) is not None:
            try:
                self._plan(folder, self._rules.at(photo.root, photo.folder))
            except (RulesBroken, OSError):
                return ANY_WORD
        return self._vocabularies.get(recipe, ANY_WORD)

    def _watched(self, root: str) -> FolderSettings | None:
        return next((folder for folder in self._settings.folders if folder.path == root), None)

    def _plan(self, folder: FolderSettings, found: InForce) -> Plan:
        key = (folder.path, found.files)
        plan = self._plans.get(key)
        if plan is None:
            for remembered in (self._plans, self._vocabularies):
                if len(remembered) >= REMEMBERED:
                    remembered.clear()
            plan = plan_by(self._settings, folder, found.rules, self._vocabulary)
            self._plans[key] = plan
        self._vocabularies[plan.recipe.key] = plan.vocabulary
        return plan


def plan_by(
    settings: Settings, folder: FolderSettings, rules: Rules, vocabulary: Vocabulary
) -> Plan:
    """Return the plan by the settings of a watched folder and the rules found there.

    `vocabulary` is that of the settings.
    """
    settings, folder = applied(settings, folder, rules)
    captioner = settings.captioner
    if rules.vocabulary is not None:
        strict = captioner.vocabulary_mode == "strict"
        vocabulary = Vocabulary.of(rules.vocabulary, strict=strict)
    recipe = recipe_for(settings, folder, vocabulary)
    layout = Layout(tuple(dict.fromkeys(folder.sidecars)), folder.sidecar_names)
    return Plan(recipe, layout, vocabulary, captioner.existing, bursts=captioner.bursts)


def applied(
    settings: Settings, folder: FolderSettings, rules: Rules
) -> tuple[Settings, FolderSettings]:
    """Return the settings as the rules have them; what the settings keep back stays so."""
    captioner = settings.captioner
    captioner = msgspec.structs.replace(
        captioner,
        context=captioner.context and rules.context is not False,
        prompt=captioner.prompt if rules.prompt is None else rules.prompt,
        vocabulary=list(captioner.vocabulary if rules.vocabulary is None else rules.vocabulary),
        existing=rules.existing or captioner.existing,
    )
    folder = msgspec.structs.replace(
        folder,
        language=rules.language or folder.language,
        prompt=folder.prompt if rules.prompt is None else "",
        sidecars=folder.sidecars if rules.sidecars is None else list(rules.sidecars),
        private=folder.private or bool(rules.private),
    )
    return msgspec.structs.replace(settings, captioner=captioner), folder


def _beneath(path: Path, root: Path) -> str:
    return "" if path == root else path.relative_to(root).as_posix()
