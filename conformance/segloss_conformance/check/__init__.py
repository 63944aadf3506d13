"""Is somebody's function right?"""

from .checking import check
from .items import parametrize

__all__ = ["check", "parametrize"]
