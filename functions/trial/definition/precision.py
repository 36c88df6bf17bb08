"""How finely numbers are kept and printed.

A number is kept as an integer in units of its last place. What is reported is kept with all the
decimals that it may have, so its sums and tallies are exact. A logarithm, a ratio or a percentage
has no last decimal: it is kept with so many that those which are printed are right.
"""

from dataclasses import replace
from decimal import Context, Decimal
from functools import cached_property, lru_cache
from typing import Annotated

from pydantic import Field, model_validator

from trial.deferred import dataclass
from trial.definition.base import Decimals, Model

MAX_RESULT_PLACES = 18
"""Decimals that the text of a result can have."""
MAX_STORED_PLACES = 48
"""Decimals that are kept of a converted result at most; one with more is rounded."""
MEASURED_PLACES = 5
"""Decimals that what is measured can have: a result with more was computed."""
NONTERMINATING_PLACES = 12
"""Decimals that are kept of what has no last one."""
GUARD_PLACES = 3
"""Decimals of what has no last one that are kept and not printed: rounding spoils them."""
EXTRA_DECIMALS = 2
"""The most decimals that a statistic shows beyond those of the data."""
NONTERMINATING_DECIMALS = 2
PERCENT_DECIMALS = 1
_MAX_DECIMALS = 9
_WIDE = Context(prec=100)

StoredDecimals = Annotated[int, Field(ge=0, le=MAX_RESULT_PLACES)]


@dataclass(frozen=True)
class Precision:
    """How finely a number is kept (`places`) and printed (`decimals`, those of the data).

    A single value is written with at least `value_decimals` decimals. One row of sums holds the
    tally of neighbouring values, in steps of `tally_decimals` decimals. A `nonterminating` number
    has no last decimal; where it is not `exact`, its stored values stand for others that were not
    rounded. `rounded` is a rule of the study: then values that were exact stay exact.
    """

    places: int
    decimals: int
    tally_decimals: int
    value_decimals: int
    nonterminating: bool = False
    exact: bool = True
    rounded: bool = False

    @property
    def max_decimals(self) -> int | None:
        """The most decimals that can be printed of it and its statistics; None: any."""
        return max(self.places - GUARD_PLACES, 0) if self.nonterminating else None

    def averaged(self) -> "Precision":
        """Return the precision of a mean of several such values."""
        places = max(self.places, NONTERMINATING_PLACES)
        return replace(self, places=places, nonterminating=True, exact=False)


WHOLE = Precision(places=0, decimals=0, tally_decimals=0, value_decimals=0)
PERCENT = Precision(
    places=NONTERMINATING_PLACES,
    decimals=PERCENT_DECIMALS,
    tally_decimals=PERCENT_DECIMALS + 1,
    value_decimals=PERCENT_DECIMALS,
    nonterminating=True,
    exact=False,
)


class Measured(Model):
    """What numbers have in common: their range, and how finely they are kept and printed.

    Results may have `places` decimals; those with more are refused or, if the study says so,
    `rounded`. Of what was computed (`places` above 5, or left out) every digit is kept. `decimals`
    are printed, as many as `places` unless given. A row of sums holds the values that lie within 32
    steps of `order_places` decimals, or more where values are many times that.
    """

    minimum: Decimal | None = None
    maximum: Decimal | None = None
    places: StoredDecimals | None = None
    order_places: StoredDecimals | None = None
    decimals: Decimals | None = None
    rounded: bool = False

    @model_validator(mode="after")
    def _agree(self) -> "Measured":
        for name in ("order_places", "decimals"):
            decimals = getattr(self, name)
            if self.places is not None and decimals is not None and decimals > self.places:
                raise ValueError(
                    f"`{name}` {decimals} is more than the {self.places} `places` that are stored:"
                    f" write places: {decimals}, or leave `places` out"
                )
        if self.rounded and self.places is None:
            raise ValueError("`rounded` needs `places`, to which results are rounded half up")
        if self.minimum is not None and self.maximum is not None and self.maximum < self.minimum:
            raise ValueError(
                f"`minimum` {self.minimum} is above `maximum` {self.maximum}:"
                " no value would be accepted"
            )
        return self

    @property
    def result_places(self) -> int:
        """The decimals that a number may have as it is reported."""
        places = MAX_RESULT_PLACES if self.places is None else self.places
        return places if places <= MEASURED_PLACES else MAX_RESULT_PLACES

    @cached_property
    def precision(self) -> Precision:
        """How finely a number as reported is kept and printed."""
        return self._reported(self.result_places)

    def _reported(self, places: int, *, endless: bool = False) -> Precision:
        """Keep a number whole; of one with too many decimals for that, more than are printed.

        An `endless` one, of a unit that converts by thirds, say, has no last decimal.
        """
        decimals = self._decimals(min(self.places or 0, _MAX_DECIMALS))
        if self.rounded and self.places is not None:
            places = self.places
        value_decimals, tally_decimals = (
            self._value_decimals(decimals),
            min(self._tally_decimals(decimals), places),
        )
        if places <= MAX_STORED_PLACES and (self.rounded or not endless):
            return Precision(places, decimals, tally_decimals, value_decimals, rounded=self.rounded)
        kept_places = max(NONTERMINATING_PLACES, self.result_places)
        return Precision(
            kept_places, decimals, tally_decimals, value_decimals, nonterminating=True, exact=False
        )

    def _ruled(self, places: int) -> Precision:
        """Keep what is rounded to places by a rule of the study: then these are all its digits."""
        decimals = self._decimals(min(places, _MAX_DECIMALS))
        tally_decimals = min(self._tally_decimals(decimals), places)
        value_decimals = self._value_decimals(decimals)
        return Precision(places, decimals, tally_decimals, value_decimals, rounded=True)

    def _derived(self) -> Precision:
        """Keep what has no last decimal: the places that are given are a rule of the study."""
        if self.places is None:
            decimals = self._decimals(NONTERMINATING_DECIMALS)
            tally_decimals = min(self._tally_decimals(decimals), NONTERMINATING_PLACES)
            return Precision(
                NONTERMINATING_PLACES,
                decimals,
                tally_decimals,
                decimals,
                nonterminating=True,
                exact=False,
            )
        decimals = self._decimals(
            min(NONTERMINATING_DECIMALS, max(self.places - GUARD_PLACES - EXTRA_DECIMALS, 0))
        )
        tally_decimals = self._tally_decimals(decimals)
        return Precision(
            self.places, decimals, tally_decimals, self.places, nonterminating=True, rounded=True
        )

    def _decimals(self, otherwise: int) -> int:
        return otherwise if self.decimals is None else self.decimals

    def _value_decimals(self, decimals: int) -> int:
        """Return the decimals that a value always shows: those that it was measured to."""
        if self.places is None or self.places > MEASURED_PLACES:
            return decimals
        return self.places

    def _tally_decimals(self, decimals: int) -> int:
        if self.order_places is not None:
            return self.order_places
        return decimals + 1 if self.places is None else self.places


@lru_cache(maxsize=8192)
def decimals_of(number: Decimal) -> int:
    """Count the decimals of a number, without closing zeros."""
    exponent = number.normalize(_WIDE).as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
