"""Decides which known town a photo was taken at, if any."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

LARGE = 500_000
"""From so many inhabitants on a city's own name says more than that of a suburb."""
LARGE_KM = 10.0
FARTHEST_KM = 50.0
"""Farther from every town, and a name would mislead: the sea, the desert."""

_EARTH_KM = 6371.0
_NULL_ISLAND_DEGREES = 0.01


@dataclass(frozen=True, slots=True)
class Town:
    """A town as the gazetteer knows it; degrees north and east."""

    city: str
    state: str
    country: str
    latitude: float
    longitude: float

    @property
    def name(self) -> str:
        """The name as people write it: "Grindelwald, Bern, Switzerland"."""
        parts = (self.city, self.state, self.country)
        return ", ".join(dict.fromkeys(part for part in parts if part))


Nearest = Callable[[float, float, int], Town]
"""Returns the town nearest to (latitude, longitude) that has so many inhabitants."""


def name_of(latitude: float, longitude: float, nearest: Nearest) -> str | None:
    """Return the name of the place; None in the sea, far from all towns, at null island.

    A large city is named from within LARGE_KM: at the Eiffel Tower the nearest town is Vanves.
    """
    if max(abs(latitude), abs(longitude)) < _NULL_ISLAND_DEGREES:
        return None
    for inhabitants, within_km in ((LARGE, LARGE_KM), (0, FARTHEST_KM)):
        town = nearest(latitude, longitude, inhabitants)
        if distance_km(latitude, longitude, town.latitude, town.longitude) <= within_km:
            return town.name
    return None


def distance_km(latitude: float, longitude: float, latitude2: float, longitude2: float) -> float:
    """Return the distance over the earth's surface."""
    here, there = math.radians(latitude), math.radians(latitude2)
    across = math.radians(longitude2 - longitude)
    half = (
        math.sin((there - here) / 2) ** 2
        + math.cos(here) * math.cos(there) * math.sin(across / 2) ** 2
    )
    return 2 * _EARTH_KM * math.asin(math.sqrt(min(half, 1.0)))
